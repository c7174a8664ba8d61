# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks behind ``talosctl health``, answered from the APIs of the cluster's nodes.

Each check returns an empty text when it holds, :data:`SKIP` when it does not apply, else Talos' complaint.
Source: siderolabs/talos:pkg/cluster/check/default.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from grpclib import GRPCError

from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.lab.machined.interfaces import Kubernetes
from ansible_collections.homelab.talos.lab.machined.routing import Callee
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

SKIP = "SKIP"
MIB = 1024**2
CONTROL_PLANE_MEMORY = 1848 - 150  # MiB
WORKER_MEMORY = 1024 - 150
MINIMUM_DISK = 6 * 1024 * MIB
STATIC_PODS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


class Unanswered(Exception):
    """A node did not answer; the text is the complaint."""


@dataclass(frozen=True)
class Cluster:
    """The nodes to check by address, the roles to ask with, this node's configuration and its Kubernetes."""

    control_planes: Mapping[str, Callee]
    workers: Mapping[str, Callee]
    roles: frozenset[str]
    config: MachineConfig
    kubernetes: Kubernetes

    @property
    def nodes(self) -> dict[str, Callee]:
        """Every node by address."""
        return {**self.control_planes, **self.workers}

    async def ask(self, address: str, path: str, **fields: Any) -> Any:
        """Call one method of one node; raises :class:`Unanswered`."""
        call = Call(f"/{path}", method(path).request_class(**fields), self.roles)
        try:
            return await self.nodes[address].unary(call)
        except GRPCError as error:
            raise Unanswered(f"{address}: rpc error: code = {error.status.name} desc = {error.message}") from None

    async def list(self, address: str, namespace: str, type: str) -> dict[str, Any]:
        """Return id -> spec of a node's resources; raises :class:`Unanswered`."""
        request = message("cosi.resource.ListRequest")(namespace=namespace, type=type)
        call = Call("/cosi.resource.State/List", request, self.roles)
        try:
            found = [reply.resource async for reply in self.nodes[address].stream(call)]
        except GRPCError as error:
            raise Unanswered(f"{address}: rpc error: code = {error.status.name} desc = {error.message}") from None
        return {each.metadata.id: yaml.safe_load(each.spec.yaml_spec) for each in found}

    async def system_objects(self, resource: str, selector: str) -> Sequence[Mapping[str, Any]]:
        """Return objects of the namespace kube-system; raises :class:`Unanswered`."""
        try:
            return await self.kubernetes.system_objects(resource, selector)
        except OSError as error:
            raise Unanswered(str(error)) from None


Check = Callable[[Cluster], Awaitable[str]]


def _quoted(words: Any) -> str:
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


async def _service(cluster: Cluster, addresses: Mapping[str, Callee], id: str) -> str:
    for address in addresses:
        reply = await cluster.ask(address, "machine.MachineService/ServiceList")
        found = [each for each in reply.messages[0].services if each.id == id]
        if not found:
            return f'{address}: service "{id}" not found'
        if not found[0].events.events:
            return f'{address}: no events recorded yet for service "{id}"'
        state = found[0].events.events[-1].state
        if state != "Running":
            text = found[0].events.events[-1].msg
            return f'{address}: service "{id}" not in expected state "Running": current state [{state}] {text}'
        if not found[0].health.unknown and not found[0].health.healthy:
            return f"{address}: service is not healthy: {id}"
    return ""


async def etcd_healthy(cluster: Cluster) -> str:
    """etcd runs and is healthy on every control plane."""
    return await _service(cluster, cluster.control_planes, "etcd")


async def kubelet_healthy(cluster: Cluster) -> str:
    """The kubelet runs and is healthy on every control plane: Talos asks no worker."""
    return await _service(cluster, cluster.control_planes, "kubelet")


async def _members(cluster: Cluster, address: str) -> list[Any]:
    reply = await cluster.ask(address, "machine.MachineService/EtcdMemberList")
    return list(reply.messages[0].members)


async def etcd_consistent(cluster: Cluster) -> str:
    """Every control plane sees the same members."""
    expected: list[str] | None = None
    for address in cluster.control_planes:
        found = sorted(member.hostname for member in await _members(cluster, address))
        if expected is not None and found != expected:
            return f"{address}: expected to have {_quoted(expected)} members, got {_quoted(found)}"
        expected = found
    return ""


async def etcd_on_control_planes(cluster: Cluster) -> str:
    """The members are control planes."""
    for address in cluster.control_planes:
        urls = [url for member in await _members(cluster, address) for url in member.peer_urls]
        ips = sorted({url.split("://")[-1].rsplit(":", 1)[0].strip("[]") for url in urls})
        if not set(ips) <= set(cluster.control_planes):
            planes = _quoted(cluster.control_planes)
            return f"etcd member ips {_quoted(ips)} are not subset of control plane node ips {planes}"
    return ""


async def apid_ready(cluster: Cluster) -> str:
    """Every node tells its version."""
    for address in cluster.nodes:
        try:
            await cluster.ask(address, "machine.MachineService/Version")
        except Unanswered as error:
            return f'error getting version from node "{address}": {error}'
    return ""


async def memory_sizes(cluster: Cluster) -> str:
    """Every node has the memory Talos asks for."""
    for address in cluster.nodes:
        reply = await cluster.ask(address, "machine.MachineService/Memory")
        found = reply.messages[0].meminfo.memtotal // 1024
        wanted = CONTROL_PLANE_MEMORY if address in cluster.control_planes else WORKER_MEMORY
        if found < wanted:
            return (
                f'node "{address}" does not meet memory requirements: '
                f"expected at least {wanted} MiB, actual {found} MiB"
            )
    return ""


async def disk_sizes(cluster: Cluster) -> str:
    """The partition for /var is large enough."""
    for address in cluster.nodes:
        volumes = await cluster.list(address, "runtime", "VolumeStatuses.block.talos.dev")
        volume = volumes.get("EPHEMERAL") or {}
        if int(volume.get("size") or 0) < MINIMUM_DISK:
            return (
                f'ephemeral partition "{volume.get("location", "")}" for node "{address}" is too small, '
                f"expected at least {MINIMUM_DISK // MIB} MiB"
            )
    return ""


async def no_diagnostics(cluster: Cluster) -> str:
    """No node complains."""
    found = []
    for address in cluster.nodes:
        for spec in (await cluster.list(address, "runtime", "Diagnostics.runtime.talos.dev")).values():
            found.append(f"{address}: {spec.get('message')}")
    return f"active diagnostics: {', '.join(found)}" if found else ""


async def boot_finished(cluster: Cluster) -> str:
    """Every node is in stage running."""
    stages: dict[str, list[str]] = {}
    for address in cluster.nodes:
        status = await cluster.list(address, "runtime", "MachineStatuses.runtime.talos.dev")
        stage = (status.get("machine") or {}).get("stage", "unknown")
        if stage != "running":
            stages.setdefault(stage, []).append(address)
    text = ", ".join(f"{stage}: [{' '.join(addresses)}]" for stage, addresses in stages.items())
    return f"nodes are not running: {text}" if text else ""


async def _node_statuses(cluster: Cluster) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for address in cluster.nodes:
        statuses = await cluster.list(address, "k8s", "NodeStatuses.kubernetes.talos.dev")
        found[address] = next(iter(statuses.values()), {})
    return found


async def nodes_reported(cluster: Cluster) -> str:
    """Every node is registered in Kubernetes."""
    missing = [address for address, spec in (await _node_statuses(cluster)).items() if not spec]
    return f"can't find expected node with IPs {_quoted(missing)}" if missing else ""


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
            return f"missing static pods on node {address}: {_quoted(missing or STATIC_PODS)}"
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


CHECKS: tuple[tuple[str, Check], ...] = (
    ("etcd to be healthy", etcd_healthy),
    ("etcd members to be consistent across nodes", etcd_consistent),
    ("etcd members to be control plane nodes", etcd_on_control_planes),
    ("apid to be ready", apid_ready),
    ("all nodes memory sizes", memory_sizes),
    ("all nodes disk sizes", disk_sizes),
    ("no diagnostics", no_diagnostics),
    ("kubelet to be healthy", kubelet_healthy),
    ("all nodes to finish boot sequence", boot_finished),
    ("all k8s nodes to report", nodes_reported),
    ("all control plane static pods to be running", static_pods_running),
    ("all control plane components to be ready", components_ready),
    ("all k8s nodes to report ready", nodes_ready),
    ("kube-proxy to report ready", kube_proxy),
    ("coredns to report ready", coredns),
    ("all k8s nodes to report schedulable", nodes_schedulable),
)
