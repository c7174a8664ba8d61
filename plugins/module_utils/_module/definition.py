# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster of an inventory as an option of modules.

Private to this collection: it may change at any time. Keep in step with the fragment ``definition``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node

# no_log keeps the option out of the log of the controller; TalosModule then hides only what is secret within.
DEFINITION_OPTION: dict[str, Any] = {"type": "dict", "no_log": True}


@dataclass(frozen=True)
class Definition:
    """The cluster and its nodes."""

    cluster: Cluster
    nodes: tuple[Node, ...]

    def node(self, name: str) -> Node:
        """Return the node of that name.

        :raises ModuleFailure: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes)
        raise ModuleFailure(f"{name}: is no node of cluster {self.cluster.name}; its nodes are {names}")

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """The control planes, in the order of the inventory."""
        return tuple(node for node in self.nodes if node.is_controlplane)


def read_definition(data: Mapping[str, Any]) -> Definition:
    """Read what the filter ``homelab.talos.cluster_definition`` returns.

    :raises ModuleFailure: it is not of that shape.
    :raises DefinitionError: a value cannot be used.
    """
    cluster, nodes = data.get("cluster"), data.get("nodes")
    if not isinstance(cluster, Mapping) or not isinstance(nodes, list):
        raise ModuleFailure(
            "definition: has no cluster and nodes; give the result of the filter homelab.talos.cluster_definition"
        )
    return Definition(Cluster.from_mapping(cluster), tuple(Node.from_mapping(node) for node in nodes))
