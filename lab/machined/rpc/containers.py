# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers, Stats, Restart.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.container_names import (
    KUBERNETES_NAMESPACE,
    SYSTEM_NAMESPACE,
    check_inspector,
    display,
    names,
)
from ansible_collections.homelab.talos.lab.machined.container_usage import usage
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import State
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/"
# Talos runs these in its own containerd; in the lab they are part of the emulated machined.
_IMAGES = {"apid": "talos/apid", "trustd": "talos/trustd"}


class ContainerCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Containers": self._containers,
            f"{PREFIX}Stats": self._stats,
            f"{PREFIX}Restart": self._restart,
        }

    async def _of_pods(self, request: Any) -> Sequence[Mapping[str, Any]]:
        check_inspector(request)
        return await self._node.programs.kubernetes.containers() if request.namespace == KUBERNETES_NAMESPACE else []

    def _of_talos(self, request: Any) -> Iterator[str]:
        """Yield the services of Talos that have a container and run."""
        if request.namespace == SYSTEM_NAMESPACE:
            for id, service in sorted(self._node.services.items()):
                if (id in _IMAGES or id.startswith("ext-")) and service.state is State.RUNNING:
                    yield id

    async def _containers(self, call: Call) -> Any:
        request = call.request
        reply = message("machine.ContainersResponse")()
        element = reply.messages.add()
        for found in await self._of_pods(request):
            element.containers.add(
                namespace=request.namespace,
                id=display(found),
                image=str(found.get("image") or ""),
                pid=int(found.get("pid") or 0),
                status=str(found.get("status") or ""),
                pod_id=f"{found['namespace']}/{found['pod']}",
                name=str(found["name"]),
                internal_id=str(found["id"]),
            )
        for id in self._of_talos(request):
            element.containers.add(
                namespace=SYSTEM_NAMESPACE,
                id=id,
                image=_IMAGES.get(id, ""),
                pid=self._node.pids.get(id, 0),
                status="RUNNING",
                pod_id=id,
                name=id,
                internal_id=id,
            )
        return reply

    async def _stats(self, call: Call) -> Any:
        found = await self._of_pods(call.request)
        used = await usage(self._node, [int(each.get("pid") or 0) for each in found])
        reply = message("machine.StatsResponse")()
        element = reply.messages.add()
        for each in found:
            numbers = used.get(int(each.get("pid") or 0))
            if numbers is not None:
                element.stats.add(
                    namespace=call.request.namespace,
                    id=display(each),
                    pod_id=f"{each['namespace']}/{each['pod']}",
                    name=str(each["name"]),
                    memory_usage=numbers.memory,
                    cpu_usage=numbers.cpu,
                )
        return reply

    async def _restart(self, call: Call) -> Any:
        """Answer Restart: the first process gets SIGTERM, and whoever runs the container starts it again."""
        await self._terminate(await self._pid(call.request))
        reply = message("machine.RestartResponse")()
        reply.messages.add()
        return reply

    async def _pid(self, request: Any) -> int:
        """Return the process that a request for a container means."""
        for found in await self._of_pods(request):
            if request.id in names(found):
                return int(found["pid"])
        if request.id not in self._of_talos(request):
            raise refusals.unknown(f'container "{request.id}" not found')
        if request.id not in self._node.pids:
            raise refusals.unimplemented(f"Restart is not played for {request.id}: it is part of the emulated machined")
        return self._node.pids[request.id]

    async def _terminate(self, pid: int) -> None:
        status, _output, errors = await self._node.runtime.run(["kill", "-TERM", str(pid)])
        if status != 0:
            raise refusals.unknown(errors.decode(errors="replace").strip())


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return ContainerCalls(node).handlers()
