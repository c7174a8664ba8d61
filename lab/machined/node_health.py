# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``talosctl health`` asks the nodes: their services, etcd, sizes, diagnostics and boots.

Source: siderolabs/talos:pkg/cluster/check/ (apid.go, diagnostics.go, etcd.go, events.go, nodes.go, service.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.machined.checked_cluster import Cluster, Unanswered, quoted
from ansible_collections.homelab.talos.lab.machined.routing import Callee

MIB = 1024**2
CONTROL_PLANE_MEMORY = 1848 - 150  # MiB
WORKER_MEMORY = 1024 - 150
MINIMUM_DISK = 6 * 1024 * MIB


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
            return f"{address}: expected to have {quoted(expected)} members, got {quoted(found)}"
        expected = found
    return ""


async def etcd_on_control_planes(cluster: Cluster) -> str:
    """The members are control planes."""
    for address in cluster.control_planes:
        urls = [url for member in await _members(cluster, address) for url in member.peer_urls]
        ips = sorted({url.split("://")[-1].rsplit(":", 1)[0].strip("[]") for url in urls})
        if not set(ips) <= set(cluster.control_planes):
            planes = quoted(cluster.control_planes)
            return f"etcd member ips {quoted(ips)} are not subset of control plane node ips {planes}"
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
