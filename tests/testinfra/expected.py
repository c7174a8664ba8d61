# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario must look like: the file ``expected.yml`` beside its tests, written by hand.

It is not made from the inventory: what is compared with itself proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class ExpectedNode:
    """One node: machine type (controlplane, worker), role (compute, gateway) and address."""

    name: str
    machine_type: str
    role: str
    address: str


@dataclass(frozen=True)
class Expected:
    """The scenario as it must be.

    :param hosts: number of hosts.
    :param nodes: name -> node.
    :param gateways: number of nodes with the role gateway.
    :param network: ``prefix`` (bits), ``gateway`` and ``interface`` of every node, ``pods`` (CIDR of all pods).
    :param cluster: ``services`` (CIDR), ``api`` and ``dns`` (addresses of these services), ``domain``.
    :param versions: ``talos`` and ``kubernetes``, with a leading v.
    :param requires: capabilities without which the scenario proves nothing.
    :param extensions: role -> names of the extensions of the image.
    :param services: machine type or role -> ids of the services that run there.
    :param credentials: API -> credential -> the answers to an attempt to write, any of which is right.
    :param tailnet: ``server``, ``gateway``, ``client`` and ``stranger`` (names of machines), ``target`` (node of the
        pod behind the gateway), ``tag`` of the gateway; empty without a tailnet.
    """

    hosts: int
    nodes: Mapping[str, ExpectedNode]
    gateways: int
    network: Mapping[str, Any]
    cluster: Mapping[str, str]
    versions: Mapping[str, str]
    requires: frozenset[str]
    extensions: Mapping[str, frozenset[str]]
    services: Mapping[str, frozenset[str]]
    credentials: Mapping[str, Mapping[str, Sequence[str]]]
    tailnet: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, *paths: str | os.PathLike[str]) -> Expected:
        """Read the files; keys of later ones win.

        :raises KeyError: a key is missing.
        """
        data: dict[str, Any] = {}
        for path in paths:
            data |= yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        nodes = {name: ExpectedNode(name, **node) for name, node in data["nodes"].items()}
        return cls(
            hosts=data["hosts"],
            nodes=nodes,
            gateways=data["gateways"],
            network=data["network"],
            cluster=data["cluster"],
            versions=data["versions"],
            requires=frozenset(data["requires"]),
            extensions={key: frozenset(value) for key, value in data["extensions"].items()},
            services={key: frozenset(value) for key, value in data["services"].items()},
            credentials=data["credentials"],
            tailnet=data.get("tailnet", {}),
        )

    def services_of(self, name: str) -> frozenset[str]:
        """Return the ids of the services of a node: those of its machine type and those of its role."""
        node = self.nodes[name]
        return self.services[node.machine_type] | self.services[node.role]

    def extensions_of(self, name: str) -> frozenset[str]:
        """Return the names of the extensions of a node's image."""
        return self.extensions[self.nodes[name].role]

    def names(self, role: str | None = None) -> set[str]:
        """Return the names of all nodes, or of those with a role."""
        return {node.name for node in self.nodes.values() if role in (None, node.role)}


def host_problems(tested: Iterable[str], inventory: Iterable[str], expected: Expected) -> list[str]:
    """Return the differences between the hosts that tests ran on, those of the inventory, and the declared ones."""
    tested, inventory, declared = set(tested), set(inventory), set(expected.nodes)
    problems = [f"{name} is in the inventory, and no test runs on it" for name in sorted(inventory - tested)]
    problems += [f"tests run on {name}, which is not in the inventory" for name in sorted(tested - inventory)]
    problems += [f"{name} is expected and not in the inventory" for name in sorted(declared - inventory)]
    problems += [f"{name} is in the inventory and not expected" for name in sorted(inventory - declared)]
    if expected.hosts != len(inventory):
        problems.append(f"{expected.hosts} hosts are declared, the inventory has {len(inventory)}")
    return problems
