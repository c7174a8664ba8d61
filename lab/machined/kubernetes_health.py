# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``talosctl health`` asks about Kubernetes: its nodes, static pods, kube-proxy and CoreDNS.

Source: siderolabs/talos:pkg/cluster/check/kubernetes.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.machined.checked_cluster import SKIP, Cluster, quoted

STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


async def _node_statuses(cluster: Cluster) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for address in cluster.nodes:
        statuses = await cluster.list(address, "k8s", "NodeStatuses.kubernetes.talos.dev")
        found[address] = next(iter(statuses.values()), {})
    return found


async def nodes_reported(cluster: Cluster) -> str:
    """Every node is registered in Kubernetes."""
    missing = [address for address, spec in (await _node_statuses(cluster)).items() if not spec]
    return f"can't find expected node with IPs {quoted(missing)}" if missing else ""


async def nodes_ready(cluster: Cluster) -> str:
    """Every Kubernetes node is Ready."""
    bad = [spec["nodename"] for spec in (await _node_statuses(cluster)).values() if not spec.get("nodeReady")]
    return f"some nodes are not ready: [{' '.join(bad)}]" if bad else ""


async def nodes_schedulable(cluster: Cluster) -> str:
    """No Kubernetes node is cordoned."""
    bad = [spec["nodename"] for spec in (await _node_statuses(cluster)).values() if spec.get("unschedulable")]
    return f"some nodes are not schedulable: [{' '.join(bad)}]" if bad else ""


async def static_pods_running(cluster: Cluster) -> str:
    """Every control plane runs its static pods."""
    for address in cluster.control_planes:
        statuses = await cluster.list(address, "k8s", "StaticPodStatuses.kubernetes.talos.dev")
        wanted = await cluster.list(address, "k8s", "StaticPods.kubernetes.talos.dev")
        running = [id for id, spec in statuses.items() if spec.get("phase") == "Running"]
        missing = [name for name in wanted if not any(id.split("/")[-1].startswith(name) for id in running)]
        if missing or not wanted:
            return f"missing static pods on node {address}: {quoted(missing or STATIC_PODS)}"
    return ""


async def components_ready(cluster: Cluster) -> str:
    """Every control plane pod is Ready."""
    for address in cluster.control_planes:
        statuses = await cluster.list(address, "k8s", "StaticPodStatuses.kubernetes.talos.dev")
        for id, spec in statuses.items():
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in spec.get("conditions") or ())
            if not ready:
                return f"some pods are not ready for {id.split('/')[-1]}: [{id}]"
    return ""


async def kube_proxy(cluster: Cluster) -> str:
    """All pods of kube-proxy are Ready, if the cluster has it."""
    found = await cluster.system_objects("daemonsets", "k8s-app=kube-proxy")
    if not found:
        return SKIP
    wanted = int((found[0].get("status") or {}).get("desiredNumberScheduled") or 0)
    return await _pods_ready(cluster, "k8s-app=kube-proxy", wanted)


async def coredns(cluster: Cluster) -> str:
    """All pods of CoreDNS are Ready, if the cluster has it and Talos did not leave the network to others."""
    if cluster.config.value("cluster", "network", "cni", "name", default="flannel") == "none":
        return SKIP
    found = await cluster.system_objects("deployments", "k8s-app=kube-dns")
    if not found:
        return SKIP
    return await _pods_ready(cluster, "k8s-app=kube-dns", int(found[0]["spec"].get("replicas", 1)))


async def _pods_ready(cluster: Cluster, selector: str, wanted: int) -> str:
    """Judge the pods of a workload as siderolabs/talos:pkg/cluster/check/kubernetes.go does."""
    pods = await cluster.system_objects("pods", selector)
    place = f'for namespace "kube-system" and label selector "{selector}"'
    if not pods:
        return f"no pods found {place}"
    counted = [pod for pod in pods if _counts(pod)]
    waiting = [pod["metadata"]["name"] for pod in counted if not _is_ready(pod)]
    ready = len(counted) - len(waiting)
    if not ready:
        return f"no ready pods found {place}"
    if waiting:
        return f"some pods are not ready: [{' '.join(waiting)}]"
    return "" if ready == wanted else f"expected {wanted} ready pods, got {ready}"


def _counts(pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod is neither deleted nor failed nor over."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    over = all((each.get("state") or {}).get("terminated") for each in containers)
    return "deletionTimestamp" not in pod["metadata"] and status.get("phase") != "Failed" and not over


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
