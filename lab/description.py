# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description of a lab: what is wired up before any machine is configured."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.links import LAB_RANGE, OUTSIDE, host_address, router_address
from ansible_collections.homelab.talos.lab.machined.description import DescriptionError, NodeDescription
from ansible_collections.homelab.talos.lab.services.catalogue import check_services, has_tailnet, programs_of
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
_KEYS = {"name", "subnet", "talos_version", "nodes"}
_OPTIONAL_KEYS = {"services", "shared_storage"}


@dataclass(frozen=True)
class LabDescription:
    """A lab: *name*, *subnet* (CIDR inside 198.18.0.0/15), the Talos version its nodes show, its *nodes*, and the
    *services* that run before them on machines of their own; *shared_storage* tells whether its cluster has the storage
    class ``lab-shared``."""

    name: str
    subnet: str
    talos_version: str
    nodes: tuple[NodeDescription, ...]
    services: tuple[ServiceDescription, ...] = ()
    shared_storage: bool = False

    @classmethod
    def from_file(cls, path: Path) -> LabDescription:
        """Read a JSON or YAML file; raises :class:`LabError` naming file, cause and remedy."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LabError(f"{path}: {error.strerror}", "name a readable lab description") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = f" line {mark.line + 1}" if mark else ""
            raise LabError(f"{path}{line}: not valid YAML or JSON", "mend the file") from None
        try:
            return cls.from_mapping(content)
        except LabError as error:
            raise LabError(f"{path}: {error.cause}", error.remedy) from None

    @classmethod
    def from_mapping(cls, content: Any) -> LabDescription:
        """Check and convert plain data; raises :class:`LabError` for the first thing that is wrong."""
        if not isinstance(content, Mapping):
            raise LabError("a lab description is a mapping", f"give it the keys {', '.join(sorted(_KEYS))}")
        for key in sorted(_KEYS ^ (set(content) - _OPTIONAL_KEYS)):
            what = "is missing" if key in _KEYS else "is not known"
            known = ", ".join(sorted(_KEYS | _OPTIONAL_KEYS))
            raise LabError(f"key {key!r} {what}", f"a lab description has the keys {known}")
        name = str(content["name"])
        if not _NAME.fullmatch(name):
            raise LabError(f"name {name!r} is not a lab name", "use up to 32 lower-case letters, digits and hyphens")
        subnet = _subnet(content["subnet"])
        try:
            nodes = tuple(
                NodeDescription.from_mapping(node, str(content["talos_version"]), subnet) for node in content["nodes"]
            )
        except DescriptionError as error:
            raise LabError(str(error), "mend the lab description") from None
        _check_nodes(nodes, subnet)
        services = tuple(ServiceDescription.from_mapping(each) for each in content.get("services") or ())
        check_services(services, subnet)
        _check_places(nodes, services, subnet)
        shared = content.get("shared_storage", False)
        if not isinstance(shared, bool):
            raise LabError(f"shared_storage is {shared!r}", "write true or false")
        return cls(name, subnet, str(content["talos_version"]), nodes, services, shared)

    def node(self, name: str) -> NodeDescription:
        """Return the node called *name*; raises :class:`LabError` naming those that there are."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"lab {self.name} has no node {name!r}", f"its nodes are {known}")

    def machine(self, name: str) -> str:
        """Return *name* when a node or a service has it; raises :class:`LabError` naming those that there are."""
        if name not in self.address_of:
            known = ", ".join(self.address_of)
            raise LabError(f"lab {self.name} has no node {name!r}", f"its nodes and services are {known}")
        return name

    @property
    def address_of(self) -> dict[str, str]:
        """Name of every machine, node or service -> its address."""
        nodes = {node.name: node.address for node in self.nodes}
        return nodes | {service.name: service.address for service in self.services}

    @property
    def has_tailnet(self) -> bool:
        """Whether gateways have a coordination server to log in at, and so run the real program of their extension."""
        return has_tailnet(self.services)

    @property
    def programs(self) -> set[str]:
        """The optional programs of the engine that the lab needs."""
        return programs_of(self.services)

    def to_json(self) -> str:
        """Return the description as JSON that :meth:`from_file` reads back."""
        nodes = [
            {
                "name": node.name,
                "address": node.address,
                "extensions": [{"name": each.name, "version": each.version} for each in node.extensions],
                "disks": [vars(disk) for disk in node.disks],
                **({"image": vars(node.image)} if node.image else {}),
            }
            for node in self.nodes
        ]
        content: dict[str, Any] = {
            "name": self.name,
            "subnet": self.subnet,
            "talos_version": self.talos_version,
            "nodes": nodes,
        }
        if self.services:
            content["services"] = [service.to_mapping() for service in self.services]
        if self.shared_storage:
            content["shared_storage"] = True
        return json.dumps(content, indent=1)


def _subnet(value: Any) -> str:
    try:
        network = ipaddress.IPv4Network(str(value))
    except ValueError as error:
        raise LabError(f"subnet {value!r}: {error}", "give a network such as 198.18.1.0/24") from None
    if not network.subnet_of(LAB_RANGE) or not 16 < network.prefixlen <= 28:  # type: ignore[arg-type]
        raise LabError(f"subnet {network} is not a part of {LAB_RANGE}", "choose a /17 to /28 of that range")
    return str(network)


def _infrastructure(subnet: str) -> dict[str, str]:
    """Return address -> owner of what is there before any node."""
    routers = {router_address(subnet): "the router", router_address(str(OUTSIDE)): "the router"}
    return {**routers, host_address(subnet): "the host"}


def _check_nodes(nodes: tuple[NodeDescription, ...], subnet: str) -> None:
    if not nodes:
        raise LabError("the lab has no nodes", "describe at least one node")
    taken = _infrastructure(subnet)
    names: set[str] = set()
    for node in nodes:
        if not _NAME.fullmatch(node.name) or node.name == "router":
            raise LabError(f"node name {node.name!r} cannot be used", "use lower-case letters, digits and hyphens")
        if node.name in names:
            raise LabError(f"two nodes are called {node.name}", "give every node a name of its own")
        names.add(node.name)
        try:
            inside = ipaddress.ip_address(node.address) in ipaddress.ip_network(subnet)
        except ValueError:
            inside = False
        if not inside:
            raise LabError(f"node {node.name}: address {node.address} is not in {subnet}", "choose one of the subnet")
        if node.address in taken:
            owner = taken[node.address]
            raise LabError(f"node {node.name}: address {node.address} belongs to {owner}", "choose a free one")
        taken[node.address] = f"node {node.name}"


def _check_places(nodes: tuple[NodeDescription, ...], services: tuple[ServiceDescription, ...], subnet: str) -> None:
    names = {node.name for node in nodes} | {"router"}
    taken = _infrastructure(subnet) | {node.address: f"node {node.name}" for node in nodes}
    for service in services:
        if not _NAME.fullmatch(service.name) or service.name in names:
            why = "is taken" if service.name in names else "cannot be used"
            raise LabError(f"service name {service.name!r} {why}", "use lower-case letters, digits and hyphens")
        names.add(service.name)
        if service.address in taken:
            owner = taken[service.address]
            raise LabError(f"service {service.name}: address {service.address} belongs to {owner}", "choose a free one")
        taken[service.address] = f"service {service.name}"
