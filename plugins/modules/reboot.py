#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reboot
short_description: Reboot a Talos node
version_added: 0.1.0
description:
  - Reboots a node and waits until it has booted again, which is seen from its boot id, and has reached a stage.
author:
  - homelab.talos contributors (@homelab)
options:
  mode:
    description:
      - How to reboot.
      - V(default) stops pods and services in order and reboots with kexec where that is enabled, V(powercycle) goes
        through the firmware, V(force) stops nothing first.
      - None of them drains the node.
    type: str
    choices:
      - default
      - powercycle
      - force
    default: default
  wait:
    description:
      - Whether to wait for the next boot.
  wait_stages:
    description:
      - Stages that end the waiting. A control plane of a cluster that was not bootstrapped stays in C(booting).
    type: list
    elements: str
    default:
      - running
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.connection.endpoint
  - homelab.talos.wait
  - homelab.talos.attributes.action
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
"""

EXAMPLES = r"""
- name: Reboot a node and wait until it runs again
  homelab.talos.reboot:
    endpoint: 198.18.1.12
    name: w1
    talosconfig: "{{ talos_workspace }}/talosconfig"
"""

RETURN = r"""
boot_id_before:
  description: Id of the boot that was ended.
  returned: success
  type: str
  sample: 1f6bc2dd-5c1c-4f12-9b61-f1f5b1d1d0c1
boot_id_after:
  description: Id of the next boot; empty when it was not waited for.
  returned: success
  type: str
  sample: 7c0c3a5e-8f4f-4e0e-8a65-cf2f0b0b6b77
stage:
  description: Stage of the node at the end.
  returned: success
  type: str
  sample: running
seconds:
  description: How long it took, in seconds.
  returned: success
  type: float
  sample: 38.5
"""

import math
import time
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, ENDPOINT, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils._module.wait import WAIT
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.reboot import (
    MODES,
    read_boot,
    send_reboot,
    wait_for_next_boot,
)


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ENDPOINT,
        WAIT,
        ArgumentSpec(
            {
                "mode": {"type": "str", "choices": list(MODES), "default": "default"},
                "wait_stages": {"type": "list", "elements": "str", "default": ["running"]},
            }
        ),
    )


async def reboot(module: TalosModule) -> dict[str, Any]:
    params = module.params
    started = time.monotonic()
    access = Connector(params).access(params["name"] or params["endpoint"], params["endpoint"], "never")
    before = await read_boot(access)
    after = None
    if not module.check_mode:
        limit = params["wait_timeout"] if params["wait"] else 0
        await send_reboot(access, params["mode"], limit)
        if params["wait"]:
            left = max(math.ceil(limit - (time.monotonic() - started)), 1)
            after = await wait_for_next_boot(access, before, params["wait_stages"], left)
    return {
        "changed": True,
        "boot_id_before": before.id,
        "boot_id_after": after.id if after else "",
        "stage": (after or before).status.stage,
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    TalosModule(spec()).run(reboot)


if __name__ == "__main__":
    main()
