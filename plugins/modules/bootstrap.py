#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bootstrap
short_description: Bootstrap etcd of a Talos cluster, once
version_added: 0.1.0
description:
  - Starts etcd on one control plane, which forms the cluster. The other control planes join by themselves.
  - Every control plane is asked first. When one of them has a healthy etcd member, nothing is done. When control planes
    belong to different clusters, or to one with members that are not in the inventory, the module refuses.
  - Control planes that cannot be asked stop the module, because they could hold the cluster. A control plane in
    maintenance mode holds none; it is recognised without authentication, and only read.
  - An empty store is not always that of a new cluster. When no control plane has data of etcd and a worker of the
    O(definition) has joined a cluster before, the data was lost. Then the module changes nothing and asks for a
    snapshot as O(recover_from).
author:
  - homelab.talos contributors (@homelab)
options:
  endpoint:
    description:
      - Address of the machine API of the control plane to bootstrap, V(host) or V(host:port).
    type: str
    required: true
  name:
    description:
      - Name of that control plane. Defaults to O(endpoint).
    type: str
  definition:
    description:
      - The cluster and its nodes, as the filter P(homelab.talos.cluster_definition#filter) returns it. Its control
        planes are the ones that are asked.
  control_planes:
    description:
      - All control planes, when there is no O(definition).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the control plane.
        type: str
        required: true
      address:
        description: Address of its machine API, V(host) or V(host:port).
        type: str
        required: true
  recover_from:
    description:
      - Path of a snapshot of etcd, as the module M(homelab.talos.etcd_snapshot) saves it. The new cluster begins with
        what it holds. The file is checked before anything is changed.
      - Nothing is recovered when the cluster has a healthy etcd member.
    type: path
  wait_timeout:
    description:
      - Limit in seconds for each of three waits. Every control plane has to show whether it has an etcd member, the
        node has to accept the bootstrap, and etcd has to become healthy.
    type: int
    default: 300
extends_documentation_fragment:
  - homelab.talos.definition
  - homelab.talos.connection
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  diff_mode:
    support: none
    details:
      - There is no text to compare.
"""

EXAMPLES = r"""
- name: Bootstrap the cluster on its first control plane
  homelab.talos.bootstrap:
    endpoint: 198.18.1.11
    talosconfig: "{{ talos_workspace }}/talosconfig"
    control_planes:
      - name: cp1
        address: 198.18.1.11
      - name: cp2
        address: 198.18.1.12

- name: Bring a cluster back that lost its data
  homelab.talos.bootstrap:
    endpoint: 198.18.1.11
    talosconfig: "{{ talos_workspace }}/talosconfig"
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    recover_from: "{{ talos_workspace }}/etcd.snapshot"
"""

RETURN = r"""
node:
  description: Name of the control plane that was to be bootstrapped.
  returned: success
  type: str
  sample: cp1
reason:
  description: Why the cluster was bootstrapped, or why not.
  returned: success
  type: str
  sample: no control plane has an etcd member
recovered:
  description: Whether the cluster began with the content of O(recover_from); in check mode, whether it would.
  returned: success
  type: bool
  sample: false
members:
  description: Members of etcd; empty in check mode when the cluster would be bootstrapped.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the member, hexadecimal.
      type: str
    hostname:
      description: Name of the node.
      type: str
    addresses:
      description: Addresses at which the other members reach it.
      type: list
      elements: str
    is_learner:
      description: Whether it does not vote yet.
      type: bool
  sample:
    - id: 8e9e05c52164694d
      hostname: cp1
      addresses: [198.18.1.11]
      is_learner: false
seconds:
  description: How long the bootstrap took until etcd was healthy, in seconds.
  returned: success
  type: float
  sample: 12.4
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.control_planes import CONTROL_PLANES_OPTION
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import DEFINITION_OPTION, read_definition
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle import bootstrap
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.bootstrap import ControlPlanes
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_snapshot import check_snapshot
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Node


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        ArgumentSpec(
            {
                "definition": DEFINITION_OPTION,
                "control_planes": CONTROL_PLANES_OPTION,
                "recover_from": {"type": "path"},
                "wait_timeout": {"type": "int", "default": 300},
            },
            required_one_of=[("definition", "control_planes")],
            mutually_exclusive=[("definition", "control_planes")],
        ),
    )


def planes_of(module: TalosModule, connector: Connector) -> ControlPlanes:
    """Return how to reach every control plane; the one to bootstrap must be one of them."""
    workers: Sequence[Node] = ()
    if module.params["definition"]:
        definition = read_definition(module.params["definition"])
        addresses = {node.name: node.address for node in definition.control_planes}
        if not module.params["recover_from"]:
            workers = [node for node in definition.nodes if not node.is_controlplane]
    else:
        addresses = {item["name"]: item["address"] for item in module.params["control_planes"]}
    endpoint = module.params["endpoint"]
    if endpoint not in addresses.values():
        module.fail(
            f"{module.params['name'] or endpoint}: {endpoint} is no control plane of the cluster; bootstrap one of"
            f" {', '.join(f'{name} ({address})' for name, address in addresses.items()) or 'none'}"
        )
    accesses = [connector.access(name, address, "allowed") for name, address in addresses.items()]
    return ControlPlanes(
        accesses,
        {name: parse_endpoint(address).host for name, address in addresses.items()},
        [connector.access(node.name, node.address, "allowed") for node in workers],
    )


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    started = time.monotonic()
    connector = Connector(params)
    planes = planes_of(module, connector)
    snapshot = check_snapshot(Path(params["recover_from"])) if params["recover_from"] else None
    target = connector.access(params["name"] or params["endpoint"], params["endpoint"], "never")
    verdict = (await bootstrap.decide(planes, params["wait_timeout"]))[1]
    needed, members = verdict.kind == "needed", verdict.members
    if needed and not module.check_mode:
        needed = await bootstrap.bootstrap(target, params["wait_timeout"], snapshot)
        members = (await bootstrap.wait_for_etcd(target, params["wait_timeout"])).members
    return {
        "changed": needed,
        "node": target.name,
        "reason": verdict.reason,
        "recovered": needed and snapshot is not None,
        "members": [member.to_dict() for member in members],
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
