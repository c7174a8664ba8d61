# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the routes shall be, and what is tried behind them."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.expected import expected_gateways, targets
from ansible_collections.homelab.talos.tests.support import definitions

NODES = [
    definitions.node("cp1"),
    definitions.node("node1"),
    definitions.node(
        "gw1", extension_services=[], tailnet={"hostname": "door", "advertise": ["services", "pods", "lan"]}
    ),
]


def pod(
    name: str, address: str, ready: bool = True, host_network: bool = False, protocol: str = "TCP"
) -> dict[str, Any]:
    """Return a pod as Kubernetes describes it."""
    return {
        "metadata": {"name": name},
        "spec": {"hostNetwork": host_network, "containers": [{"ports": [{"containerPort": 53, "protocol": protocol}]}]},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def test_the_gateways_of_an_inventory() -> None:
    (gateway,) = expected_gateways(definitions.cluster(), NODES)
    assert (gateway.host, gateway.hostname) == ("gw1", "door")
    assert gateway.routes == ("10.96.0.0/12", "10.244.0.0/16", "198.18.1.0/24")


def test_one_target_behind_each_route() -> None:
    networks = ("10.96.0.0/12", "10.244.0.0/16", "198.18.1.0/24", "192.168.7.0/24")
    pods = [
        pod("host", "198.18.1.12", host_network=True),
        pod("starting", "10.244.1.5", ready=False),
        pod("udp", "10.244.1.6", protocol="UDP"),
        pod("coredns", "10.244.1.7"),
        {"metadata": {"name": "odd"}},
    ]
    found = targets(definitions.cluster(), NODES, networks, pods)
    assert [(each.network, each.address, each.port, each.what) for each in found] == [
        ("10.96.0.0/12", "10.96.0.1", 443, "service kubernetes"),
        ("10.244.0.0/16", "10.244.1.7", 53, "pod coredns"),
        ("198.18.1.0/24", "198.18.1.11", 50000, "machine API of cp1"),
    ]
    assert [each.network for each in targets(definitions.cluster(), NODES, networks)] == [networks[0], networks[2]]
