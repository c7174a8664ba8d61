# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory to cluster definition: who is in which group, and which variables each host has.

Groups decide machine type and role:

- ``controlplane``: machine type controlplane, role compute;
- ``compute``: role compute, machine type worker unless the host is also a control plane;
- ``gateway``: machine type worker, role gateway.

A host in none of them, in ``compute`` and ``gateway`` or in ``controlplane`` and ``gateway`` is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import (
    DefinitionError,
    kind_of,
    plain,
)

GROUPS = ("controlplane", "compute", "gateway")
# Variables of the whole cluster: every host must see the same value.
CLUSTER_VARIABLES = ("talos_cluster", "talos_provider", "talos_variants")
# Variables of one host, each the key of a node with a prefix.
HOST_VARIABLES = (
    *("talos_address", "talos_network", "talos_install", "talos_labels", "talos_annotations", "talos_taints"),
    *("talos_extension_services", "talos_tailnet", "talos_patches"),
)
OTHER_VARIABLES = ("talos_spin_apps", "talos_tailnet_api", "talos_workspace")
KNOWN_VARIABLES = CLUSTER_VARIABLES + HOST_VARIABLES + OTHER_VARIABLES
_NOT_A_NODE = ("localhost",)


def cluster_definition(
    groups: Mapping[str, Iterable[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the cluster definition of an inventory as plain data.

    :param groups: group names to host names, as Ansible's ``groups``.
    :param hostvars: variables of each host, as Ansible's ``hostvars``.
    :return: ``{"cluster": {...}, "nodes": [{...}]}``, accepted by ``Cluster.from_mapping`` and ``Node.from_mapping``,
        with every default filled in and ``extensions`` on each node. Nodes are ordered: control planes first, then
        compute, then gateways, each by name.
    :raises DefinitionError: a host has no role or two, a variable is missing, differs between hosts, or cannot be used.
    """
    members = {group: set(groups.get(group) or ()) for group in GROUPS}
    names = _hosts(groups, members)
    if not names:
        raise DefinitionError("inventory", "", "has no host", f"put hosts into the groups {', '.join(GROUPS)}")
    nodes = [_node(name, members, hostvars[name]) for name in names]
    cluster = Cluster.from_mapping(_cluster(names, hostvars))
    filled = []
    for node in nodes:
        declared = Node.from_mapping(node)
        filled.append({**declared.to_mapping(), "extensions": list(cluster.extensions_of(declared))})
    return {"cluster": cluster.to_mapping(), "nodes": sorted(filled, key=_order)}


def role_of(name: str, members: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    """Return ``(machine type, role)`` of a host.

    :param members: the hosts of each of :data:`GROUPS`.
    :raises DefinitionError: the host has no role, or two.
    """
    inside = [group for group in GROUPS if name in set(members.get(group) or ())]
    if not inside:
        raise DefinitionError(f"host {name}", "", "has no role", f"put it into one of the groups {', '.join(GROUPS)}")
    if "gateway" in inside and len(inside) > 1:
        others = " and ".join(inside)
        raise DefinitionError(f"host {name}", "", f"has two roles: it is in the groups {others}", "leave it in one")
    machine_type = "controlplane" if "controlplane" in inside else "worker"
    return machine_type, "gateway" if "gateway" in inside else "compute"


def unknown_variables(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], known: Iterable[str] = KNOWN_VARIABLES
) -> list[Finding]:
    """Return a warning for each ``talos_*`` variable that looks like a misspelt known one, once per variable."""
    names = set(known)
    first: dict[str, str] = {}
    for host in hosts:
        for variable in hostvars[host]:
            if str(variable).startswith("talos_") and variable not in names:
                first.setdefault(str(variable), host)
    findings = []
    for variable, host in sorted(first.items()):
        match = closest(variable, names)
        if match:
            findings.append(
                Finding(
                    "inventory.unknown-variable",
                    "warning",
                    f"variable {variable} is not used",
                    host=host,
                    path=variable,
                    fix=f'did you mean "{match}"?',
                    layer="config",
                )
            )
    return findings


def _hosts(groups: Mapping[str, Iterable[str]], members: Mapping[str, Iterable[str]]) -> list[str]:
    names = {name for group in (groups.get("all") or (), *members.values()) for name in group}
    return sorted(plain(name) for name in names if name not in _NOT_A_NODE)


def _node(name: str, members: Mapping[str, Iterable[str]], variables: Mapping[str, Any]) -> dict[str, Any]:
    machine_type, role = role_of(name, members)
    if variables.get("talos_address") in (None, ""):
        raise DefinitionError(f"host {name}", "talos_address", "is required", _hint("talos_address", variables))
    node: dict[str, Any] = {"name": name, "machine_type": machine_type, "role": role}
    for variable in HOST_VARIABLES:
        value = variables.get(variable)
        if value is not None:
            node[variable[len("talos_") :]] = plain(value)
    node["erase"] = plain(variables.get("erase") or False)
    return node


def _cluster(names: list[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    values = {variable: _same(variable, names, hostvars) for variable in CLUSTER_VARIABLES}
    declared = values["talos_cluster"]
    if declared is None:
        hint = _hint("talos_cluster", hostvars[names[0]])
        raise DefinitionError(f"host {names[0]}", "talos_cluster", "is required", hint)
    if not isinstance(declared, dict):
        raise DefinitionError(f"host {names[0]}", "talos_cluster", f"expected a mapping, got {kind_of(declared)}")
    cluster = dict(declared)
    for variable, key in (("talos_provider", "provider"), ("talos_variants", "variants")):
        if values[variable] is not None:
            cluster[key] = values[variable]
    return cluster


def _same(variable: str, names: list[str], hostvars: Mapping[str, Mapping[str, Any]]) -> Any:
    first = plain(hostvars[names[0]].get(variable))
    for name in names[1:]:
        if plain(hostvars[name].get(variable)) != first:
            raise DefinitionError(
                f"host {name}", variable, f"differs from that of host {names[0]}", "set it for the group all only"
            )
    return first


def _hint(variable: str, variables: Mapping[str, Any]) -> str:
    others = [str(name) for name in variables if str(name).startswith("talos_") and name not in KNOWN_VARIABLES]
    match = closest(variable, others)
    return f'found "{match}", did you mean "{variable}"?' if match else "add it to the inventory"


def _order(node: Mapping[str, Any]) -> tuple[int, int, str]:
    return (node["machine_type"] != "controlplane", node["role"] == "gateway", node["name"])
