# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy cluster of four nodes, and ways to spoil it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ClusterService,
    EtcdMember,
    ExpectedNode,
    KubePrism,
    KubernetesNode,
    KubernetesObservation,
    NodeObservation,
    Observation,
    PairTraffic,
    Pod,
    RuntimeClass,
    Service,
    StaticPod,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    NODE_LABEL,
    NODE_LABEL_VALUE,
    RUNTIME_CLASS,
)

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
MEMBERS = (EtcdMember("cp1", ("198.18.1.11",)),)


def expected(name: str, address: str, machine_type: str = "worker", role: str = "compute") -> ExpectedNode:
    extensions = ("drbd", "spin", "tailscale") if role == "gateway" else ("drbd", "spin")
    services = ("tailscale",) if role == "gateway" else ()
    return ExpectedNode(name, address, machine_type, role, extensions, services, "v1.13.9")


def node(name: str, address: str, machine_type: str = "worker", role: str = "compute") -> NodeObservation:
    wanted = expected(name, address, machine_type, role)
    names = ["apid", "kubelet", *(["etcd", "trustd"] if wanted.is_controlplane else [])]
    services = {name: Service(name, "Running", True) for name in names}
    services.update({f"ext-{name}": Service(f"ext-{name}", "Running") for name in wanted.extension_services})
    return NodeObservation(
        wanted,
        version="v1.13.9",
        stage="running",
        ready=True,
        services=services,
        extensions=(*(wanted.extensions or ()), "schematic"),
        members=MEMBERS if wanted.is_controlplane else None,
        memory_kib=4 * 1024 * 1024,
        ephemeral_bytes=20 * 1024**3,
        static_pods=tuple(StaticPod(f"{component}-{name}", "Running", True) for component in COMPONENTS)
        if wanted.is_controlplane
        else (),
        kubeprism=KubePrism("127.0.0.1:7445", True, ("198.18.1.11:6443",)),
    )


NODES = (
    node("cp1", "198.18.1.11", "controlplane"),
    node("w1", "198.18.1.12"),
    node("w2", "198.18.1.13"),
    node("gw1", "198.18.1.21", role="gateway"),
)

KUBERNETES = KubernetesObservation(
    nodes=tuple(
        KubernetesNode(item.name, (item.expected.address,), True, True, labels={NODE_LABEL: NODE_LABEL_VALUE})
        for item in NODES
    ),
    runtime_classes={RUNTIME_CLASS: RuntimeClass("spin", {NODE_LABEL: NODE_LABEL_VALUE})},
    pods=(
        *(Pod("kube-system", f"{component}-cp1", "cp1", component, True) for component in COMPONENTS),
        *(
            Pod("kube-system", f"kube-proxy-{item.name}", item.name, "kube-proxy", True, (item.expected.address,), "")
            for item in NODES
        ),
        Pod("kube-system", "coredns-a", "w1", "kube-dns", True, ("10.244.1.2",), ""),
        Pod("kube-system", "coredns-b", "w2", "kube-dns", True, ("10.244.2.2",), ""),
    ),
    daemon_sets={"kube-proxy": 4},
    deployments={"coredns": 2},
    services={
        "default/kubernetes": ClusterService("default/kubernetes", ("10.96.0.1",), ("198.18.1.11",)),
        "kube-system/kube-dns": ClusterService("kube-system/kube-dns", ("10.96.0.10",), ("10.244.1.2", "10.244.2.2")),
    },
)

PAIRS = tuple(
    PairTraffic(source.name, target.name, True) for source in NODES for target in NODES if source is not target
)

HEALTHY = Observation(NODES, ("198.18.1.11",), KUBERNETES, PAIRS)


def spoil(name: str, **changes: Any) -> Observation:
    """Return the healthy cluster with other values on one node."""
    nodes = tuple(replace(item, **changes) if item.name == name else item for item in NODES)
    return replace(HEALTHY, nodes=nodes)


def spoil_service(name: str, service: Service | None, service_id: str = "") -> Observation:
    """Return the healthy cluster with another service (or without one) on one node."""
    found = dict(next(item for item in NODES if item.name == name).services)
    if service is None:
        del found[service_id]
    else:
        found[service.id] = service
    return spoil(name, services=found)


def spoil_kubernetes(**changes: Any) -> Observation:
    """Return the healthy cluster with another answer of Kubernetes."""
    return replace(HEALTHY, kubernetes=replace(KUBERNETES, **changes))


def spoil_kubernetes_node(name: str, **changes: Any) -> Observation:
    """Return the healthy cluster with one node that Kubernetes sees differently."""
    nodes = tuple(replace(item, **changes) if item.name == name else item for item in KUBERNETES.nodes)
    return spoil_kubernetes(nodes=nodes)
