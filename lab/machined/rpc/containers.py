# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers, Stats, Restart.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.container_names import display
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PREFIX = "/machine.MachineService/"
KUBERNETES_NAMESPACE = "k8s.io"


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

    async def _found(self, request: Any) -> Sequence[Mapping[str, Any]]:
        cri = request.driver == enum("common.ContainerDriver").Value("CRI")
        if cri and request.namespace != KUBERNETES_NAMESPACE:
            raise refusals.unknown("CRI inspector is supported only for K8s namespace")
        if request.namespace != KUBERNETES_NAMESPACE:
            return []  # the services of Talos itself are no containers in the lab
        return await self._node.programs.kubernetes.containers()

    async def _containers(self, call: Call) -> Any:
        reply = message("machine.ContainersResponse")()
        element = reply.messages.add()
        for found in await self._found(call.request):
            element.containers.add(
                namespace=call.request.namespace,
                id=display(found),
                image=str(found.get("image") or ""),
                pid=int(found.get("pid") or 0),
                status=str(found.get("status") or ""),
                pod_id=f"{found['namespace']}/{found['pod']}",
                name=str(found["name"]),
                internal_id=str(found["id"]),
            )
        return reply

    async def _stats(self, call: Call) -> Any:
        reply = message("machine.StatsResponse")()
        element = reply.messages.add()
        for found in await self._found(call.request):
            element.stats.add(
                namespace=call.request.namespace,
                id=display(found),
                pod_id=f"{found['namespace']}/{found['pod']}",
                name=str(found["name"]),
            )
        return reply

    async def _restart(self, call: Call) -> Any:
        for found in await self._found(call.request):
            if call.request.id in (display(found), display(found).rpartition(":")[0], str(found["id"])):
                status, _output, errors = await self._node.runtime.run(["kill", "-TERM", str(found["pid"])])
                if status != 0:
                    raise refusals.unknown(errors.decode(errors="replace").strip())
                reply = message("machine.RestartResponse")()
                reply.messages.add()
                return reply
        raise refusals.unknown(f'container "{call.request.id}" not found')


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return ContainerCalls(node).handlers()
