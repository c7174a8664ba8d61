#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Read what Talos nodes say about themselves
version_added: 0.1.0
description:
  - Reads version, stage, services, extensions, cluster members, links, addresses, routes, disks and more from one
    node or many at the same time. Nothing is changed.
  - Fails when a node cannot be asked, after all were asked; RV(nodes) holds what the others said.
author:
  - homelab.talos contributors (@homelab)
options:
  endpoint:
    description:
      - Address of one node's machine API, V(host) or V(host:port).
    type: str
  endpoints:
    description:
      - Addresses of several nodes.
    type: list
    elements: str
  sections:
    description:
      - What to read. Default is everything.
    type: list
    elements: str
    choices:
      - version
      - status
      - services
      - extensions
      - members
      - links
      - addresses
      - routes
      - disks
      - hostname
      - kubernetes
      - machine_type
      - boot_id
    default: []
  allow_unreachable:
    description:
      - Succeed although a node cannot be asked; RV(nodes) then says why.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.connection.maintenance
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
"""

EXAMPLES = r"""
- name: Read the stage of all nodes
  homelab.talos.node_info:
    talosconfig: "{{ talos_workspace }}/talosconfig"
    endpoints:
      - 198.18.1.11
      - 198.18.1.12
    sections:
      - version
      - status

- name: Read the disks of a new machine
  homelab.talos.node_info:
    endpoint: 198.18.1.13
    maintenance: only
    sections:
      - disks
"""

RETURN = r"""
nodes:
  description: What each node said, in the order of the addresses given.
  returned: always, unless no node was asked
  type: list
  elements: dict
  contains:
    endpoint:
      description: The address given.
      type: str
    error:
      description: Why it could not be asked, empty when it could. Then there are no further values.
      type: str
    via:
      description: How it was reached, V(mtls) or V(maintenance).
      type: str
    notes:
      description: Sections the node does not give, with the reason, as V(section) and V(reason).
      type: list
      elements: dict
    version:
      description: Version of Talos, with V(tag), V(sha), V(built), V(go_version), V(os) and V(arch).
      type: dict
    platform:
      description: Platform with V(name) and V(mode).
      type: dict
    stage:
      description: Stage of the machine, such as V(maintenance), V(booting) or V(running).
      type: str
    ready:
      description: Whether the machine reports itself ready.
      type: bool
    unmet_conditions:
      description: Why it is not ready, as V(name) and V(reason).
      type: list
      elements: dict
    services:
      description: Services with V(id), V(state), V(healthy) (null when unknown), V(message) and V(events).
      type: list
      elements: dict
    extensions:
      description: System extensions with V(name), V(version), V(description), V(author) and V(image).
      type: list
      elements: dict
    schematic:
      description: Id of the image's schematic, empty when there is none.
      type: str
    members:
      description:
        - Members of the cluster as this node knows them, with V(name), V(hostname), V(addresses), V(machine_type),
          V(operating_system) and V(node_id).
      type: list
      elements: dict
    links:
      description:
        - Network links with V(name), V(type), V(kind), V(hardware_address), V(mtu), V(flags), V(operational_state),
          V(link_up), V(speed_mbit) and V(driver).
      type: list
      elements: dict
    addresses:
      description: Addresses with V(id), V(address), V(link), V(family) and V(scope).
      type: list
      elements: dict
    routes:
      description:
        - Routes with V(id), V(destination), V(gateway), V(link), V(source), V(priority), V(table), V(family) and
          V(protocol).
      type: list
      elements: dict
    disks:
      description:
        - Disks with V(name), V(path), V(size) in bytes, V(model), V(serial), V(wwid), V(transport), V(rotational),
          V(readonly), V(cdrom) and V(system_disk).
      type: list
      elements: dict
    hostname:
      description: Host name.
      type: str
    domainname:
      description: Domain of the host name.
      type: str
    nodename:
      description: Name of the node in Kubernetes.
      type: str
    kubernetes:
      description: What the kubelet reports, V(ready) and V(unschedulable).
      type: dict
    machine_type:
      description: V(controlplane) or V(worker).
      type: str
    boot_id:
      description: Id of the boot, which changes with every boot.
      type: str
  sample:
    - endpoint: 198.18.1.11
      error: ""
      via: mtls
      notes: []
      stage: running
      ready: true
      unmet_conditions: []
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import (
    CONNECTION,
    MAINTENANCE,
    Connector,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import one_line
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess, open_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.node_state import SECTIONS, read_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        MAINTENANCE,
        ArgumentSpec(
            {
                "endpoint": {"type": "str"},
                "endpoints": {"type": "list", "elements": "str"},
                "sections": {"type": "list", "elements": "str", "choices": list(SECTIONS), "default": []},
                "allow_unreachable": {"type": "bool", "default": False},
            },
            required_one_of=[("endpoint", "endpoints")],
            mutually_exclusive=[("endpoint", "endpoints")],
        ),
    )


async def read(access: NodeAccess, sections: list[str]) -> dict[str, Any]:
    async with open_node(access) as node:
        return {"via": node.via, **await read_node(node.client, sections or None)}


async def look(module: TalosModule) -> dict[str, Any]:
    params = module.params
    connector = Connector(params)
    endpoints = params["endpoints"] if params["endpoint"] is None else [params["endpoint"]]

    async def read_endpoint(endpoint: str) -> dict[str, Any]:
        return await read(connector.access(endpoint, endpoint, params["maintenance"]), params["sections"])

    answers = await for_each_node(endpoints, read_endpoint)
    silent = {endpoint: one_line(answer) for endpoint, answer in answers.items() if isinstance(answer, TalosError)}
    nodes = [
        {"endpoint": endpoint, "error": silent.get(endpoint, ""), **(answer if isinstance(answer, dict) else {})}
        for endpoint, answer in answers.items()
    ]
    if silent and not params["allow_unreachable"]:
        more = f" (and {len(silent) - 1} more)" if len(silent) > 1 else ""
        module.fail(
            f"{len(silent)} of {len(nodes)} node(s) cannot be asked: {next(iter(silent.values()))}{more}", nodes=nodes
        )
    return {"nodes": nodes}


def main() -> None:
    TalosModule(spec()).run(look)


if __name__ == "__main__":
    main()
