# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a node has.

Source: siderolabs/talos:internal/app/machined/pkg/system/services, internal/app/machined/pkg/runtime/v1alpha1
(StartMachined ... StartAllServices).
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined import conditions
from ansible_collections.homelab.talos.lab.machined.apid_service import ApidWork
from ansible_collections.homelab.talos.lab.machined.extension_service import extension_services
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import HealthCheck, ServiceDefinition
from ansible_collections.homelab.talos.lab.machined.trustd import TrustdWork
from ansible_collections.homelab.talos.lab.machined.works import Presence, ProgramWork


async def _always_healthy() -> str | None:
    return None


def early_services(node: Node, apid: ApidWork) -> list[ServiceDefinition]:
    """Return the services of the initialize sequence: all there is in maintenance."""
    present = HealthCheck(_always_healthy, initial=0.0)
    containerd = [conditions.service_up(node, "containerd")]
    return [
        ServiceDefinition("machined", Presence(), health=present),
        ServiceDefinition("containerd", Presence(), health=present),
        ServiceDefinition("udevd", Presence(), health=present),
        ServiceDefinition("auditd", Presence(), health=present),
        ServiceDefinition("syslogd", Presence(), [conditions.service_up(node, "machined")], health=present),
        ServiceDefinition("dashboard", Presence(), [conditions.service_up(node, "machined")]),
        ServiceDefinition("apid", apid, containerd, HealthCheck(apid.health, initial=0.0)),
    ]


def boot_services(node: Node) -> list[ServiceDefinition]:
    """Return the services a configured node starts when it boots."""
    cri = ProgramWork(node, "cri", node.programs.cri)
    kubelet = ProgramWork(node, "kubelet", node.programs.kubelet, as_task=True)
    network, time = conditions.network(node), conditions.time_sync(node)
    services = [
        ServiceDefinition("cri", cri, [network], HealthCheck(cri.health)),
        ServiceDefinition(
            "kubelet",
            kubelet,
            [conditions.service_up(node, "cri"), time, network],
            HealthCheck(kubelet.health, initial=2.0),
            frozenset({"start", "restart"}),
        ),
    ]
    if node.is_controlplane:
        services += _control_plane_services(node)
    return services + extension_services(node)


def _control_plane_services(node: Node) -> list[ServiceDefinition]:
    etcd, trustd = ProgramWork(node, "etcd", node.programs.etcd, as_task=True), TrustdWork(node)
    network, time = conditions.network(node), conditions.time_sync(node)
    return [
        ServiceDefinition(
            "etcd", etcd, [conditions.service_up(node, "cri"), time, network], HealthCheck(etcd.health, period=20.0)
        ),
        ServiceDefinition(
            "trustd",
            trustd,
            [conditions.service_up(node, "containerd"), time, network],
            HealthCheck(trustd.health, initial=0.0),
        ),
    ]
