# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one node says about itself, as plain data. Nothing here changes a node.

Source: siderolabs/talos:pkg/machinery/resources/ (names of the resources and of the fields in their YAML)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    NotAuthorized,
    NotFound,
    TalosError,
    Unimplemented,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import read_boot_id
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node

Record = dict[str, Any]
Reader = Callable[[Client], Awaitable[Record]]

# what a reader without os:admin, or a node without configuration, cannot give; anything else is a failure
_ABSENT = (NotAuthorized, NotFound, Unimplemented)


async def read_node(client: Client, sections: Iterable[str] | None = None) -> Record:
    """Read the wanted sections (all of SECTIONS by default) of the node behind `client`, side by side.

    Returns one mapping. Each section gives the keys that EMPTY lists for it. A section the node does not give (a
    sensitive resource without the role os:admin, a resource that does not exist in its present state) keeps the empty
    values, and ``notes`` says which and why: ``[{"section", "reason"}]``.

    Raises ValueError for an unknown section, TalosError when the node cannot be asked.
    """
    wanted = list(SECTIONS) if sections is None else list(dict.fromkeys(sections))
    unknown = [section for section in wanted if section not in _READERS]
    if unknown:
        raise ValueError(f"unknown section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    results = await for_each_node(wanted, lambda section: _READERS[section](client))
    state: Record = {}
    notes = []
    for section, result in results.items():
        if isinstance(result, _ABSENT):
            notes.append({"section": section, "reason": result.cause})
        elif isinstance(result, TalosError):
            raise result
        state.update(EMPTY[section] if isinstance(result, TalosError) else result)
    return {**state, "notes": notes}


async def _version(client: Client) -> Record:
    answer = (await client.unary("machine.MachineService/Version")).messages[0]
    keys = ("tag", "sha", "built", "go_version", "os", "arch")
    version = {key: getattr(answer.version, key) for key in keys}
    return {"version": version, "platform": {"name": answer.platform.name, "mode": answer.platform.mode}}


async def _status(client: Client) -> Record:
    spec = _spec(await client.get("runtime", "MachineStatuses.runtime.talos.dev", "machine"))
    status = spec.get("status") or {}
    unmet = status.get("unmetConditions") or []
    return {
        "stage": spec.get("stage"),
        "ready": bool(status.get("ready")),
        "unmet_conditions": [{"name": item.get("name", ""), "reason": item.get("reason", "")} for item in unmet],
    }


async def _services(client: Client) -> Record:
    answer = (await client.unary("machine.MachineService/ServiceList")).messages[0]
    return {"services": [_service(service) for service in answer.services]}


def _service(service: Any) -> Record:
    health = service.health
    return {
        "id": service.id,
        "state": service.state,
        "healthy": None if health.unknown or not service.HasField("health") else health.healthy,
        "message": health.last_message,
        "events": [
            {"state": event.state, "message": event.msg, "time": _time(event)} for event in service.events.events
        ],
    }


def _time(event: Any) -> str:
    return str(event.ts.ToJsonString()) if event.HasField("ts") else ""


async def _extensions(client: Client) -> Record:
    found = [_spec(item) for item in await client.list("runtime", "ExtensionStatuses.runtime.talos.dev")]
    described = [{**(spec.get("metadata") or {}), "image": spec.get("image", "")} for spec in found]
    keys = ("name", "version", "description", "author", "image")
    extensions = [{key: str(item.get(key) or "") for key in keys} for item in described]
    schematics = [item["version"] for item in extensions if item["name"] == _SCHEMATIC]
    return {
        "extensions": [item for item in extensions if item["name"] != _SCHEMATIC],
        "schematic": schematics[0] if schematics else "",
    }


# the image factory adds itself to the list under this name, with the schematic's id as version
_SCHEMATIC = "schematic"


async def _kubernetes(client: Client) -> Record:
    nodename = _spec(await client.get("k8s", "Nodenames.kubernetes.talos.dev", "nodename"))
    found = await client.list("k8s", "NodeStatuses.kubernetes.talos.dev")
    status = next((_spec(item) for item in found if item.id == nodename.get("nodename")), {})
    return {
        "nodename": nodename.get("nodename", ""),
        "kubernetes": {"ready": status.get("nodeReady"), "unschedulable": status.get("unschedulable")},
    }


async def _machine_type(client: Client) -> Record:
    found = await client.get("config", "MachineTypes.config.talos.dev", "machine-type")
    return {"machine_type": str(found.spec)}


async def _hostname(client: Client) -> Record:
    spec = _spec(await client.get("network", "HostnameStatuses.net.talos.dev", "hostname"))
    return {"hostname": spec.get("hostname", ""), "domainname": spec.get("domainname", "")}


async def _boot_id(client: Client) -> Record:
    return {"boot_id": await read_boot_id(client)}


async def _disks(client: Client) -> Record:
    system = await client.list("runtime", "SystemDisks.block.talos.dev")
    names = {_spec(item).get("diskID") for item in system}
    disks = await client.list("runtime", "Disks.block.talos.dev")
    return {"disks": [{**_record(item, "name", _DISK), "system_disk": item.id in names} for item in disks]}


def _lister(key: str, namespace: str, resource_type: str, id_name: str, fields: Mapping[str, str]) -> Reader:
    """Return a reader of a list of resources: key of the list, where they are, name of the id, key -> YAML key."""

    async def read(client: Client) -> Record:
        return {key: [_record(item, id_name, fields) for item in await client.list(namespace, resource_type)]}

    return read


def _record(item: Any, id_name: str, fields: Mapping[str, str]) -> Record:
    spec = _spec(item)
    return {id_name: item.id, **{name: spec.get(key) for name, key in fields.items()}}


def _spec(item: Any) -> Record:
    return item.spec if isinstance(item.spec, dict) else {}


_MEMBER = {
    "hostname": "hostname",
    "addresses": "addresses",
    "machine_type": "machineType",
    "operating_system": "operatingSystem",
    "node_id": "nodeId",
}
_LINK = {
    "type": "type",
    "kind": "kind",
    "hardware_address": "hardwareAddr",
    "mtu": "mtu",
    "flags": "flags",
    "operational_state": "operationalState",
    "link_up": "linkState",
    "speed_mbit": "speedMbit",
    "driver": "driver",
}
_ADDRESS = {"address": "address", "link": "linkName", "family": "family", "scope": "scope"}
_ROUTE = {
    "destination": "dst",
    "gateway": "gateway",
    "link": "outLinkName",
    "source": "src",
    "priority": "priority",
    "table": "table",
    "family": "family",
    "protocol": "protocol",
}
_DISK = {
    "path": "dev_path",
    "size": "size",
    "model": "model",
    "serial": "serial",
    "wwid": "wwid",
    "transport": "transport",
    "rotational": "rotational",
    "readonly": "readonly",
    "cdrom": "cdrom",
}

_READERS: dict[str, Reader] = {
    "version": _version,
    "status": _status,
    "services": _services,
    "extensions": _extensions,
    "members": _lister("members", "cluster", "Members.cluster.talos.dev", "name", _MEMBER),
    "links": _lister("links", "network", "LinkStatuses.net.talos.dev", "name", _LINK),
    "addresses": _lister("addresses", "network", "AddressStatuses.net.talos.dev", "id", _ADDRESS),
    "routes": _lister("routes", "network", "RouteStatuses.net.talos.dev", "id", _ROUTE),
    "disks": _disks,
    "hostname": _hostname,
    "kubernetes": _kubernetes,
    "machine_type": _machine_type,
    "boot_id": _boot_id,
}

SECTIONS = tuple(_READERS)

# section -> the keys it gives, with what they hold when the node does not give them
EMPTY: dict[str, Record] = {
    "version": {"version": None, "platform": None},
    "status": {"stage": None, "ready": None, "unmet_conditions": None},
    "services": {"services": None},
    "extensions": {"extensions": None, "schematic": None},
    "members": {"members": None},
    "links": {"links": None},
    "addresses": {"addresses": None},
    "routes": {"routes": None},
    "disks": {"disks": None},
    "hostname": {"hostname": None, "domainname": None},
    "kubernetes": {"nodename": None, "kubernetes": None},
    "machine_type": {"machine_type": None},
    "boot_id": {"boot_id": None},
}
