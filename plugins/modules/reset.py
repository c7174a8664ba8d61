#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reset
short_description: Reset a Talos node
version_added: 0.1.0
description:
  - Makes a node leave its cluster and wipes it. Nothing happens unless O(erase) is true.
  - A node in maintenance mode has been reset already and is left alone. It is recognised without authentication, and
    only read.
  - By default Talos stays installed, and the node waits in maintenance mode for a new configuration.
author:
  - homelab.talos contributors (@homelab)
options:
  erase:
    description:
      - Whether data of this node may be erased. Must be V(true).
    type: bool
    default: false
  system_partitions:
    description:
      - Labels of the system partitions to wipe. Without C(STATE) the node keeps its configuration.
    type: list
    elements: str
    default:
      - EPHEMERAL
      - STATE
  whole_disk:
    description:
      - Wipe the whole system disk, Talos included, instead of O(system_partitions). The node then only boots from
        other media.
    type: bool
    default: false
  user_disks:
    description:
      - Paths of further disks to wipe, such as V(/dev/sdb).
    type: list
    elements: str
    default: []
  graceful:
    description:
      - Whether the node is drained and leaves etcd first.
      - V(auto) does so unless the node is the last member of etcd or etcd does not answer.
    type: str
    choices:
      - auto
      - always
      - never
    default: auto
  reboot:
    description:
      - Reboot afterwards. Otherwise the node shuts down.
    type: bool
    default: true
  wait:
    description:
      - Whether to wait until the node is in maintenance mode, has booted again or does not answer any more,
        whatever the other options lead to.
      - A reset that fails, such as that of the last member of etcd with O(graceful=always), is noticed at once.
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.connection.endpoint
  - homelab.talos.wait
  - homelab.talos.attributes.action
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
attributes:
  idempotent:
    support: partial
    description: Running it twice in a row changes nothing the second time.
    details:
      - A node that keeps its configuration is reset each time.
"""

EXAMPLES = r"""
- name: Reset a node so that it can take another configuration
  homelab.talos.reset:
    endpoint: 198.18.1.12
    name: w1
    talosconfig: "{{ talos_workspace }}/talosconfig"
    erase: true
"""

RETURN = r"""
graceful:
  description: Whether the node was drained and left etcd first.
  returned: success
  type: bool
  sample: true
stage:
  description: Stage of the node at the end, empty when it was not waited for or is off.
  returned: success
  type: str
  sample: maintenance
wiped:
  description: What was wiped, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["EPHEMERAL", "STATE"]
seconds:
  description: How long it took, in seconds.
  returned: success
  type: float
  sample: 31.0
"""

import math
import time
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils._module.wait import WAIT
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.reset import (
    ResetPlan,
    look_before,
    send_reset,
    wait_for_end,
)


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        WAIT,
        ArgumentSpec(
            {
                "erase": {"type": "bool", "default": False},
                "system_partitions": {"type": "list", "elements": "str", "default": ["EPHEMERAL", "STATE"]},
                "whole_disk": {"type": "bool", "default": False},
                "user_disks": {"type": "list", "elements": "str", "default": []},
                "graceful": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
                "reboot": {"type": "bool", "default": True},
            }
        ),
    )


def plan_of(module: TalosModule) -> ResetPlan:
    params = module.params
    if not params["erase"]:
        name = params["name"] or params["endpoint"]
        module.fail(f"{name}: a reset erases data of the node; set erase: true for this host to allow it")
    if not (params["whole_disk"] or params["system_partitions"] or params["user_disks"]):
        module.fail("nothing to wipe is named; give system_partitions, user_disks or whole_disk: true")
    return ResetPlan(
        tuple(params["system_partitions"]),
        tuple(params["user_disks"]),
        params["whole_disk"],
        params["reboot"],
        params["graceful"],
    )


def wiped(plan: ResetPlan) -> list[str]:
    system = ["system disk"] if plan.whole_disk else list(plan.partitions)
    return [*system, *plan.user_disks]


async def reset(module: TalosModule) -> dict[str, Any]:
    params = module.params
    started = time.monotonic()
    plan = plan_of(module)
    access = Connector(params).access(params["name"] or params["endpoint"], params["endpoint"], "never")
    before = await look_before(access, plan)
    stage = "maintenance" if before.is_reset else ""
    if not before.is_reset and not module.check_mode:
        limit = params["wait_timeout"] if params["wait"] else 0
        await send_reset(access, plan, before.is_graceful, limit)
        if params["wait"]:
            stage = await wait_for_end(access, plan, before, max(math.ceil(limit - (time.monotonic() - started)), 1))
    return {
        "changed": not before.is_reset,
        "graceful": before.is_graceful and not before.is_reset,
        "stage": stage,
        "wiped": [] if before.is_reset else wiped(plan),
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    TalosModule(spec()).run(reset)


if __name__ == "__main__":
    main()
