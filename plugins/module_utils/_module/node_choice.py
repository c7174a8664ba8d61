# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that look at the nodes of a cluster: all of a definition, or those that are listed.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import DEFINITION_OPTION
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import ModuleFailure
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode

_NODE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "machine_type": {"type": "str", "choices": ["controlplane", "worker"], "default": "worker"},
    "role": {"type": "str", "choices": ["compute", "gateway"], "default": "compute"},
}


def node_choice(node_options: Mapping[str, Any] | None = None) -> ArgumentSpec:
    """Return the options; *node_options* are further ones of a listed node."""
    return ArgumentSpec(
        {
            "definition": DEFINITION_OPTION,
            "nodes": {"type": "list", "elements": "str", "default": []},
            "expected_nodes": {"type": "list", "elements": "dict", "options": {**_NODE, **(node_options or {})}},
        },
        required_one_of=[("definition", "expected_nodes")],
        mutually_exclusive=[("definition", "expected_nodes")],
    )


def chosen(nodes: Sequence[ExpectedNode], names: Sequence[str]) -> list[ExpectedNode]:
    """Return the nodes with the names, all of them without names.

    :raises ModuleFailure: there is no node of a name.
    """
    known = [node.name for node in nodes]
    for name in names:
        if name not in known:
            raise ModuleFailure(f"{name}: is no node of the cluster; its nodes are {', '.join(known)}")
    return [node for node in nodes if not names or node.name in names]
