# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks: stable ids, layers, and what each rests on.

Layers: L1 the node answers, L2 nodes exchange traffic, L3 services and extensions run, L4 the cluster works.
The sixteen checks of ``talosctl health`` are among them. Source: siderolabs/talos:pkg/cluster/check/default.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.rules.health import (
    addon_checks,
    cluster_checks,
    kubeprism_checks,
    kubernetes_checks,
    node_checks,
    pair_checks,
    service_checks,
    spin_checks,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import Judge

LAYERS = ("L1", "L2", "L3", "L4")


@dataclass(frozen=True)
class Check:
    """One check.

    :ivar condition: what is awaited, completing "waiting for".
    :ivar after: checks of the same layer without which it means nothing.
    :ivar asks_kubernetes: whether it needs a kubeconfig.
    """

    id: str
    layer: str
    condition: str
    judge: Judge
    after: tuple[str, ...] = ()
    asks_kubernetes: bool = False


def _kubernetes(identity: str, condition: str, judge: Judge, *after: str) -> Check:
    return Check(identity, "L4", condition, judge, ("kubernetes-api", *after), asks_kubernetes=True)


CHECKS: tuple[Check, ...] = (
    Check("apid-ready", "L1", "apid to be ready", node_checks.apid_ready),
    Check("node-booted", "L1", "all nodes to boot with a configuration", node_checks.node_booted),
    Check("memory-sizes", "L1", "all nodes memory sizes", node_checks.memory_sizes),
    Check("disk-sizes", "L1", "all nodes disk sizes", node_checks.disk_sizes),
    Check("pair-traffic", "L2", "all pairs of nodes to exchange traffic", pair_checks.pair_traffic),
    Check("kubelet-healthy", "L3", "kubelet to be healthy", service_checks.kubelet_healthy),
    Check("kubelet-healthy-workers", "L3", "kubelet to be healthy on workers", service_checks.kubelet_healthy_workers),
    Check("talos-version", "L3", "all nodes to run the declared version of Talos", service_checks.talos_version),
    Check("extensions-present", "L3", "all nodes to run the declared extensions", service_checks.extensions_present),
    Check(
        "extension-services-running",
        "L3",
        "all extension services to run",
        service_checks.extension_services_running,
    ),
    Check("diagnostics-absent", "L3", "no diagnostics", service_checks.diagnostics_absent),
    Check("etcd-healthy", "L4", "etcd to be healthy", cluster_checks.etcd_healthy),
    Check(
        "etcd-members-consistent",
        "L4",
        "etcd members to be consistent across nodes",
        cluster_checks.etcd_members_consistent,
        ("etcd-healthy",),
    ),
    Check(
        "etcd-members-control-planes",
        "L4",
        "etcd members to be control plane nodes",
        cluster_checks.etcd_members_control_planes,
        ("etcd-healthy",),
    ),
    Check("boot-finished", "L4", "all nodes to finish boot sequence", cluster_checks.boot_finished, ("etcd-healthy",)),
    Check(
        "static-pods-running",
        "L4",
        "all control plane static pods to be running",
        kubernetes_checks.static_pods_running,
        ("etcd-healthy",),
    ),
    Check(
        "kubeprism-healthy",
        "L4",
        "KubePrism to reach an API server on all nodes",
        kubeprism_checks.kubeprism_healthy,
        ("etcd-healthy", "static-pods-running"),
    ),
    Check(
        "kubernetes-api",
        "L4",
        "the Kubernetes API to answer",
        kubernetes_checks.kubernetes_api,
        ("etcd-healthy", "static-pods-running"),
        asks_kubernetes=True,
    ),
    _kubernetes("kubernetes-nodes-reported", "all k8s nodes to report", kubernetes_checks.kubernetes_nodes_reported),
    _kubernetes(
        "control-plane-components-ready",
        "all control plane components to be ready",
        kubernetes_checks.control_plane_components_ready,
    ),
    _kubernetes("kubernetes-nodes-ready", "all k8s nodes to report ready", kubernetes_checks.kubernetes_nodes_ready),
    _kubernetes(
        "kubernetes-service-endpoints",
        "the Service kubernetes to lead to the control planes",
        addon_checks.kubernetes_service_endpoints,
    ),
    _kubernetes("kube-proxy-ready", "kube-proxy to report ready", kubernetes_checks.kube_proxy_ready),
    _kubernetes(
        "kube-proxy-healthy",
        "kube-proxy to be healthy on all nodes",
        addon_checks.kube_proxy_healthy,
        "kube-proxy-ready",
    ),
    _kubernetes("coredns-ready", "coredns to report ready", kubernetes_checks.coredns_ready),
    _kubernetes(
        "dns-service-endpoints",
        "the Service kube-dns to lead to CoreDNS",
        addon_checks.dns_service_endpoints,
        "coredns-ready",
    ),
    _kubernetes("coredns-answers", "coredns to answer the API server", addon_checks.coredns_answers, "coredns-ready"),
    _kubernetes(
        "kubernetes-nodes-schedulable",
        "all k8s nodes to report schedulable",
        kubernetes_checks.kubernetes_nodes_schedulable,
    ),
    _kubernetes(
        "spin-runtime",
        "RuntimeClass and labels to agree with the spin extension of nodes",
        spin_checks.spin_runtime,
    ),
)

# Checks that mean something only for a part that a cluster need not have; they are run when they are asked for.
ON_REQUEST: frozenset[str] = frozenset({"spin-runtime"})

CHECK_IDS: tuple[str, ...] = tuple(check.id for check in CHECKS)


class UnknownCheck(Exception):
    """A check or layer that does not exist was asked for; one line with the ones that do."""


def select(checks: tuple[str, ...] = (), layers: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """Return the checks asked for, in their order; without a wish, all.

    :param checks: ids; ``layers``: of these layers. A check has to meet both wishes.
    :raises UnknownCheck: there is no such check or layer.
    """
    for wanted, known, what in ((checks, CHECK_IDS, "check"), (layers, LAYERS, "layer")):
        for name in wanted:
            if name not in known:
                raise UnknownCheck(f"{what} {name!r} does not exist; choose from {', '.join(known)}")
    return tuple(
        check for check in CHECKS if (not checks or check.id in checks) and (not layers or check.layer in layers)
    )
