#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Wait until a control plane votes in the etcd of its cluster
version_added: 0.1.0
description:
  - A control plane joins etcd by itself, first as a learner that does not vote. This module waits until it votes, until
    all control planes that joined so far are healthy members, and until all of them see the same members.
  - When the disk of the control plane holds the data of another cluster, the module refuses at once, and says what
    to do.
  - It never changes anything.
author:
  - homelab.talos contributors (@homelab)
options:
  endpoint:
    description:
      - Address of the machine API of the control plane, V(host) or V(host:port).
    type: str
    required: true
  name:
    description:
      - Name of that control plane. Defaults to O(endpoint).
    type: str
  control_planes:
    description:
      - All control planes that joined so far, this one included.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the control plane.
        type: str
        required: true
      address:
        description: Address of its machine API, V(host) or V(host:port).
        type: str
        required: true
  wait_timeout:
    description:
      - Limit in seconds.
    type: int
    default: 300
extends_documentation_fragment:
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
- name: Wait until the second control plane votes
  homelab.talos.etcd_member:
    endpoint: 198.18.1.12
    name: cp2
    talosconfig: "{{ talos_workspace }}/talosconfig"
    control_planes:
      - name: cp1
        address: 198.18.1.11
      - name: cp2
        address: 198.18.1.12
"""

RETURN = r"""
node:
  description: Name of the control plane.
  returned: success
  type: str
  sample: cp2
members:
  description: Names of the members of etcd; all of them vote.
  returned: success
  type: list
  elements: str
  sample: [cp1, cp2]
survives:
  description: How many members can be lost without losing the cluster.
  returned: success
  type: int
  sample: 0
summary:
  description: The same in words.
  returned: success
  type: str
  sample: 2 members vote; etcd survives no loss
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.control_planes import CONTROL_PLANES_OPTION
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.bootstrap import ControlPlanes
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_membership import wait_for_member


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        ArgumentSpec(
            {
                "control_planes": {**CONTROL_PLANES_OPTION, "required": True},
                "wait_timeout": {"type": "int", "default": 300},
            }
        ),
    )


def name_of(module: TalosModule) -> str:
    """Return the name of the control plane in question, which must be one of those that joined."""
    endpoint = module.params["endpoint"]
    names = [str(plane["name"]) for plane in module.params["control_planes"] if plane["address"] == endpoint]
    if not names:
        module.fail(f"{module.params['name'] or endpoint}: {endpoint} is none of the control_planes; add it to them")
    return names[0]


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    name, connector = name_of(module), Connector(params)
    planes = ControlPlanes(
        [connector.access(plane["name"], plane["address"], "never") for plane in params["control_planes"]],
        {plane["name"]: parse_endpoint(plane["address"]).host for plane in params["control_planes"]},
    )
    verdict = await wait_for_member(name, planes, params["wait_timeout"])
    return {
        "changed": False,
        "node": name,
        "members": sorted(member.hostname for member in verdict.members),
        "survives": (len(verdict.members) - 1) // 2,
        "summary": verdict.reason,
    }


def main() -> None:
    TalosModule(spec()).run(ensure)


if __name__ == "__main__":
    main()
