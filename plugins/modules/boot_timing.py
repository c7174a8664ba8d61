#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_timing
short_description: Measure how long Talos nodes take to boot
version_added: 0.1.0
description:
  - Reads how long each node took from the start of its present boot until Kubernetes called it Ready, until the machine
    called itself ready, and until its boot had finished (stage C(running)). These are three different things.
  - A node with an extension that lacks its configuration is Ready, and its machine ready, but its boot does not finish.
    The module names the service that is awaited, and does not wait for it.
  - Only the machine API and the Kubernetes API are read. Nothing is changed. Times have a resolution of a second.
  - With O(limit), fails when a node did not reach one of the three in that time.
author:
  - homelab.talos contributors (@homelab)
options:
  nodes:
    description:
      - Names of the nodes of O(definition) to look at. Default is all.
    type: list
    elements: str
    default: []
  expected_nodes:
    description:
      - The nodes to look at, when there is no O(definition).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node in Kubernetes.
        type: str
        required: true
      address:
        description: Address of the node, without a port.
        type: str
        required: true
      machine_type:
        description: Machine type of the node.
        type: str
        choices:
          - controlplane
          - worker
        default: worker
      role:
        description: Role of the node.
        type: str
        choices:
          - compute
          - gateway
        default: compute
  kubeconfig:
    description:
      - Path of a kubeconfig. Without it, the node itself says whether it is Ready, but not since when.
    type: path
  limit:
    description:
      - Seconds in which every node has to reach each of the three. V(0) judges nothing.
    type: int
    default: 0
  wait_timeout:
    description:
      - Seconds to wait for nodes that are still booting. V(0) looks once. In check mode there is no waiting.
      - What a node cannot reach before an operator gives it something is not waited for.
    type: int
    default: 0
extends_documentation_fragment:
  - homelab.talos.definition
  - homelab.talos.connection
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
  - homelab.talos.requirements.kubernetes
"""

EXAMPLES = r"""
- name: Measure the boot of every node of the inventory
  homelab.talos.boot_timing:
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    talosconfig: "{{ talos_workspace }}/talosconfig"
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    wait_timeout: 120

- name: Require that a gateway boots within two minutes
  homelab.talos.boot_timing:
    talosconfig: "{{ talos_workspace }}/talosconfig"
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    limit: 120
    expected_nodes:
      - name: gw1
        address: 198.18.1.21
        role: gateway
"""

RETURN = r"""
nodes:
  description: The boot of each node.
  returned: when the nodes were looked at
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    machine_type:
      description: Machine type of the node.
      type: str
    role:
      description: Role of the node.
      type: str
    error:
      description: Why it could not be asked, empty when it could. Then the three values are null.
      type: str
    boot_id:
      description: Id of the boot, empty without the role os:admin.
      type: str
    stage:
      description: Stage of the machine.
      type: str
    started:
      description: When the boot began, in seconds since the epoch. Time in maintenance mode does not count.
      type: int
    kubernetes_ready:
      description:
        - Whether Kubernetes calls the node Ready (V(reached)), after how many V(seconds), and V(reason), which says why
          not, or why the time is not known.
      type: dict
    machine_ready:
      description: Whether the machine calls itself ready, with the same keys.
      type: dict
    stage_running:
      description: Whether the boot has finished, with the same keys.
      type: dict
    waiting_for:
      description:
        - Services that the boot waits for, each with V(service), V(message), V(fix), and V(needs_operator), which says
          whether nothing but that fix helps.
      type: list
      elements: dict
  sample:
    - name: gw1
      machine_type: worker
      role: gateway
      error: ""
      boot_id: 1f6bc2dd-5c1c-4f12-9b61-f1f5b1d1d0c1
      stage: booting
      started: 1795000000
      kubernetes_ready: {reached: true, seconds: 9, reason: ""}
      machine_ready: {reached: true, seconds: 10, reason: ""}
      stage_running:
        reached: false
        seconds: null
        reason: "stage booting, waiting for ext-tailscale (waiting for extension service config)"
      waiting_for:
        - service: ext-tailscale
          message: Waiting for extension service config
          fix: apply an ExtensionServiceConfig named tailscale; the boot then goes on without a reboot
          needs_operator: true
findings:
  description:
    - What was not reached, or not within O(limit), with V(id), V(severity), V(message), V(host), V(path), V(fix) and
      V(layer).
  returned: when the nodes were looked at
  type: list
  elements: dict
  sample: []
table:
  description: The measured times as lines for people.
  returned: when the nodes were looked at
  type: list
  elements: str
  sample:
    - NODE  TYPE    ROLE     KUBERNETES READY  MACHINE READY  STAGE RUNNING
    - gw1   worker  gateway  9 s               10 s           12 s
seconds:
  description: How long it took to find out, in seconds.
  returned: when the nodes were looked at
  type: float
  sample: 0.4
"""

import time
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.boot_watch import watch_boots
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import read_definition
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES
from ansible_collections.homelab.talos.plugins.module_utils._module.node_choice import chosen, node_choice
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.report.boot_timing import timing_lines
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.judgement import judge


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        node_choice(),
        ArgumentSpec(
            {
                "kubeconfig": {"type": "path"},
                "limit": {"type": "int", "default": 0},
                "wait_timeout": {"type": "int", "default": 0},
            },
        ),
    )


def nodes_of(module: TalosModule) -> list[ExpectedNode]:
    if module.params["definition"]:
        declared = read_definition(module.params["definition"]).nodes
        nodes = [ExpectedNode(node.name, node.address, node.machine_type, node.role) for node in declared]
    else:
        nodes = [ExpectedNode(**item) for item in module.params["expected_nodes"]]
    return chosen(nodes, module.params["nodes"])


async def measure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    begun = time.monotonic()
    wait = 0 if module.check_mode else params["wait_timeout"]
    timings = await watch_boots(
        Connector(params), nodes_of(module), params["kubeconfig"], float(params["timeout"]), float(wait)
    )
    findings = judge(timings, params["limit"])
    nodes = [timing.to_dict() for timing in timings]
    result = {
        "nodes": nodes,
        "findings": [finding.to_dict() for finding in findings],
        "table": timing_lines(nodes),
        "seconds": round(time.monotonic() - begun, 1),
    }
    if findings and params["limit"]:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        module.fail(f"{first.host}: {first.message}; {first.fix}{more}", **result)
    return result


def main() -> None:
    module = TalosModule(spec())
    if module.params["kubeconfig"]:
        module.require(KUBERNETES)
    module.run(measure)


if __name__ == "__main__":
    main()
