#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_health
short_description: Judge the routes from a tailnet into a cluster
version_added: 0.1.0
description:
  - Judges for each network that the gateways of an inventory shall advertise, each fact apart, whether it is
    advertised, approved by the coordination server, served by exactly one device, advertised by nobody else, and
    reachable.
  - What was reached from outside is given with O(reachability); the module itself sends nothing there. Where something
    was not reached, the finding says which of the other facts is missing.
  - Without O(server) nobody is asked, and the checks that need it are skipped.
author:
  - homelab.talos contributors (@homelab)
options:
  definition:
    description:
      - The cluster and its nodes, as the filter P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
    required: true
  server:
    description:
      - Kind of the coordination server. V(tailscale) speaks Tailscale's API v2, V(headscale) the API v1 of headscale.
    type: str
    choices: [tailscale, headscale]
    required: false
  kubeconfig:
    description:
      - With it, RV(targets) has a pod.
    type: path
  reachability:
    description:
      - What was tried from outside of the cluster. Without it, RV(checks) says that nobody tried.
    type: list
    elements: dict
    suboptions:
      network:
        description: The route.
        type: str
        required: true
      target:
        description: What was to be reached.
        type: str
        required: true
      ok:
        description: Whether it was.
        type: bool
        required: true
      observed:
        description: What was seen instead.
        type: str
        default: ""
      source:
        description: From where.
        type: str
        default: ""
  wait_timeout:
    description:
      - Limit in seconds for the checks to become true. What was tried from outside stays as it is.
    type: int
    default: 0
extends_documentation_fragment:
  - homelab.talos.tailnet
  - homelab.talos.attributes
  - homelab.talos.attributes.info
  - homelab.talos.attributes.actiongroup_tailnet
seealso:
  - module: homelab.talos.cluster_health
  - module: homelab.talos.tailnet_info
"""

EXAMPLES = r"""
- name: Judge the routes
  homelab.talos.gateway_health:
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    server: headscale
    url: https://headscale.example:8443
    token_file: ~/.headscale-api-key
    wait_timeout: 60
"""

RETURN = r"""
healthy:
  description: Whether no check failed or was blocked.
  returned: when the definition can be used
  type: bool
  sample: true
summary:
  description: Number of checks per status.
  returned: when the definition can be used
  type: str
  sample: 5 ok, 1 skipped
checks:
  description: Results, as M(homelab.talos.cluster_health) returns them.
  returned: when the definition can be used
  type: list
  elements: dict
  sample: []
findings:
  description: What was found, as M(homelab.talos.cluster_health) returns it.
  returned: when the definition can be used
  type: list
  elements: dict
  sample: []
targets:
  description: For each route something behind it that takes TCP connections, to be tried from outside.
  returned: when the definition can be used
  type: list
  elements: dict
  contains:
    network:
      description: The route.
      type: str
    address:
      description: Address of the target.
      type: str
    port:
      description: TCP port.
      type: int
    what:
      description: The target in words.
      type: str
  sample:
    - {network: 10.96.0.0/12, address: 10.96.0.1, port: 443, what: service kubernetes}
"""

import contextlib
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import (
    DEFINITION_OPTION,
    Definition,
    read_definition,
)
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES, TAILNET
from ansible_collections.homelab.talos.plugins.module_utils._module.tailnet_server import TAILNET_SERVER, server_of
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.evaluation import awaited, is_healthy, summary
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.checks import judge
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.expected import expected_gateways, targets
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.observation import RoutingObservation, Tried
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, WaitTimeout, wait_for

NOT_DECLARED = "no coordination server is declared (talos_tailnet_api)"
TRIED: dict[str, Any] = {
    "network": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "ok": {"type": "bool", "required": True},
    "observed": {"type": "str", "default": ""},
    "source": {"type": "str", "default": ""},
}


def spec() -> ArgumentSpec:
    return TAILNET_SERVER.merged_with(
        ArgumentSpec(
            {
                "definition": {**DEFINITION_OPTION, "required": True},
                "server": {"type": "str", "choices": list(KINDS)},
                "kubeconfig": {"type": "path"},
                "reachability": {"type": "list", "elements": "dict", "options": TRIED},
                "wait_timeout": {"type": "int", "default": 0},
            }
        ),
    )


def observe(module: TalosModule, definition: Definition) -> RoutingObservation:
    """Ask the server, if there is one."""
    params = module.params
    tried = params["reachability"]
    devices, error = None, ""
    if params["server"] is not None:
        try:
            devices = tuple(server_of(params).devices())
        except TailnetError as refused:
            error = str(refused)
    return RoutingObservation(
        expected_gateways(definition.cluster, definition.nodes),
        devices,
        error,
        NOT_DECLARED if params["server"] is None else "",
        None if tried is None else tuple(Tried(**each) for each in tried),
        definition.cluster.gateway_failover,
    )


async def watch(module: TalosModule, definition: Definition) -> tuple[list[CheckResult], RoutingObservation]:
    """Look until no check fails, at most as long as was asked for."""
    last: list[tuple[list[CheckResult], RoutingObservation]] = []

    async def look() -> Observed[None]:
        observation = observe(module, definition)
        results = judge(observation)
        last[:] = [(results, observation)]
        # What was tried stays as it was; there is nothing to wait for.
        return Observed(is_healthy(each for each in results if each.id != "route-reachable"), awaited(results), None)

    # What is awaited in vain is in the results.
    with contextlib.suppress(WaitTimeout):
        await wait_for("the routes", look, 0 if module.check_mode else module.params["wait_timeout"])
    return last[0]


async def look(module: TalosModule) -> dict[str, Any]:
    definition = read_definition(module.params["definition"])
    results, observation = await watch(module, definition)
    pods: list[dict[str, Any]] = []
    if module.params["kubeconfig"]:
        with KubernetesClient.from_path(module.params["kubeconfig"], module.params["timeout"]) as client:
            pods = client.list_pods()
    found = targets(definition.cluster, definition.nodes, observation.networks, pods)
    result = {
        "healthy": is_healthy(results),
        "summary": summary(results),
        "checks": [each.to_dict() for each in results],
        "findings": [finding.to_dict() for each in results for finding in each.findings],
        "targets": [target.to_dict() for target in found],
    }
    if not result["healthy"]:
        module.fail(f"the routes are not in order ({result['summary']}): {awaited(results)}", **result)
    return result


def main() -> None:
    module = TalosModule(spec(), TAILNET)
    if module.params["kubeconfig"]:
        module.require(KUBERNETES)
    module.run(look)


if __name__ == "__main__":
    main()
