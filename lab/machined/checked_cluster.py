# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that ``talosctl health`` judges: its nodes and its Kubernetes, asked with the roles of the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from grpclib import GRPCError

from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.lab.machined.interfaces import Kubernetes
from ansible_collections.homelab.talos.lab.machined.routing import Callee
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


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


#: Returns an empty text when it holds, SKIP when it does not apply, else Talos' complaint.
Check = Callable[[Cluster], Awaitable[str]]
SKIP = "SKIP"


def quoted(words: Iterable[str]) -> str:
    """Return words as Go prints a list of quoted strings."""
    return "[" + " ".join(f'"{word}"' for word in words) + "]"
