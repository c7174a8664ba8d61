#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_health
short_description: Judge the health of a Talos cluster
version_added: 0.1.0
description:
  - Reads every node, and Kubernetes when there is a kubeconfig, and judges what was read. Nothing is changed.
  - The checks are those of C(talosctl health), and further ones for workers, versions, extensions, boot stages,
    KubePrism, and the Services that everything relies on. The health of kube-proxy and CoreDNS is asked through the
    API server, so that the user of the kubeconfig needs the right to C(get) C(pods/proxy) in C(kube-system).
  - Checks belong to layers. In V(L1) the nodes answer, in V(L2) they exchange traffic, in V(L3) services and extensions
    run, in V(L4) the cluster works. A failed layer blocks those above it.
  - Fails when a check fails, after waiting for it.
author:
  - homelab.talos contributors (@homelab)
options:
  nodes:
    description:
      - Names of the nodes of O(definition) to look at, as if the cluster had no others yet. Default is all.
    type: list
    elements: str
    default: []
  expected_nodes:
    description:
      - The nodes the cluster shall have, when there is no O(definition).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
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
      extensions:
        description:
          - Names of all system extensions the node shall run. Not given, they are not compared.
        type: list
        elements: str
      extension_services:
        description: Names of the extension services that shall run, without C(ext-).
        type: list
        elements: str
        default: []
      talos_version:
        description:
          - Version of Talos the node shall run, such as V(v1.13.9). Empty, it is not compared.
        type: str
        default: ""
  kubeconfig:
    description:
      - Path of a kubeconfig. Without it, checks that ask Kubernetes are not run.
    type: path
  checks:
    description:
      - Ids of the checks to run. Default is all.
      - C(pair-traffic) is only among them when O(pair_traffic) is given, C(spin-runtime) only when it is named here.
    type: list
    elements: str
    default: []
  layers:
    description:
      - Layers whose checks are run. Default is all.
    type: list
    elements: str
    choices:
      - L1
      - L2
      - L3
      - L4
    default: []
  pair_traffic:
    description:
      - What came of sending from one node to another, as something else has tried it. Every pair has to be there.
    type: list
    elements: dict
    suboptions:
      source:
        description: Name of the sending node.
        type: str
        required: true
      target:
        description: Name of the receiving node.
        type: str
        required: true
      ok:
        description: Whether it was received.
        type: bool
        required: true
      observed:
        description: What was observed.
        type: str
        default: ""
  wait_timeout:
    description:
      - Seconds to wait for the checks to pass. V(0) looks once. In check mode there is no waiting.
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
- name: Wait until the cluster of the inventory is healthy
  homelab.talos.cluster_health:
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    talosconfig: "{{ talos_workspace }}/talosconfig"
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    wait_timeout: 300

- name: See whether the services of two nodes run
  homelab.talos.cluster_health:
    talosconfig: "{{ talos_workspace }}/talosconfig"
    layers: [L1, L3]
    expected_nodes:
      - name: cp1
        address: 198.18.1.11
        machine_type: controlplane
      - name: gw1
        address: 198.18.1.21
        role: gateway
        extensions: [tailscale]
        extension_services: [tailscale]
"""

RETURN = r"""
healthy:
  description: Whether no check failed or was blocked.
  returned: when the cluster was looked at
  type: bool
  sample: true
summary:
  description: Number of checks per status.
  returned: when the cluster was looked at
  type: str
  sample: 19 ok, 2 skipped
checks:
  description: Result of each check, in the order of layers.
  returned: when the cluster was looked at
  type: list
  elements: dict
  contains:
    id:
      description: Stable id of the check.
      type: str
    layer:
      description: Layer of the check.
      type: str
    status:
      description: V(ok), V(failed), V(skipped), V(blocked) or V(not run).
      type: str
    message:
      description: The condition and what was observed last.
      type: str
    host:
      description: Always empty; findings name hosts.
      type: str
    seconds:
      description: Time until the check passed, or until the end, in seconds.
      type: float
    findings:
      description: What explains the status, as in RV(findings).
      type: list
      elements: dict
  sample:
    - id: etcd-healthy
      layer: L4
      status: ok
      message: "etcd to be healthy: OK, etcd healthy on 1 control plane"
      host: ""
      seconds: 4.012
      findings: []
findings:
  description:
    - Findings of all failed checks, with V(id), V(severity), V(message), V(host), V(path), V(fix) and V(layer).
  returned: when the cluster was looked at
  type: list
  elements: dict
  sample: []
nodes:
  description: The clocks of each node, which are three different things.
  returned: when the cluster was looked at
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    error:
      description: Why it could not be asked, empty when it could.
      type: str
    stage:
      description: Stage of its boot.
      type: str
    ready:
      description: Whether the machine reports itself ready.
      type: bool
    kubernetes_ready:
      description:
        - Whether Kubernetes reports the node ready. When Kubernetes was not asked, whether the node sees itself ready;
          null when neither knows.
      type: bool
  sample:
    - name: gw1
      error: ""
      stage: booting
      ready: true
      kubernetes_ready: true
stand_ins:
  description: Services that say they are stand-ins for something else, as those of emulated nodes do.
  returned: when the cluster was looked at
  type: list
  elements: dict
  contains:
    node:
      description: Name of the node.
      type: str
    service:
      description: Id of the service.
      type: str
    note:
      description: What it says about itself.
      type: str
  sample:
    - node: gw1
      service: ext-tailscale
      note: "stand-in: no tailscaled in this lab"
seconds:
  description: How long it took, in seconds.
  returned: when the cluster was looked at
  type: float
  sample: 12.3
"""

import time
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.definition import Definition, read_definition
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES
from ansible_collections.homelab.talos.plugins.module_utils._module.health_watch import Subject, watch_health
from ansible_collections.homelab.talos.plugins.module_utils._module.node_choice import chosen, node_choice
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import (
    LAYERS,
    ON_REQUEST,
    Check,
    select,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.evaluation import awaited, is_healthy, summary
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ExpectedNode,
    Observation,
    PairTraffic,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.stand_ins import stand_ins
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.extensions import services_of

NODE: dict[str, Any] = {
    "extensions": {"type": "list", "elements": "str"},
    "extension_services": {"type": "list", "elements": "str", "default": []},
    "talos_version": {"type": "str", "default": ""},
}
PAIR: dict[str, Any] = {
    "source": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "ok": {"type": "bool", "required": True},
    "observed": {"type": "str", "default": ""},
}


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        node_choice(NODE),
        ArgumentSpec(
            {
                "kubeconfig": {"type": "path"},
                "checks": {"type": "list", "elements": "str", "default": []},
                "layers": {"type": "list", "elements": "str", "choices": list(LAYERS), "default": []},
                "pair_traffic": {"type": "list", "elements": "dict", "options": PAIR},
                "wait_timeout": {"type": "int", "default": 0},
            },
        ),
    )


def subject_of(module: TalosModule) -> Subject:
    definition = read_definition(module.params["definition"]) if module.params["definition"] else None
    nodes = declared_nodes(definition) if definition else listed_nodes(module)
    pairs = module.params["pair_traffic"]
    return Subject(
        tuple(chosen(nodes, module.params["nodes"])),
        tuple(node.address for node in nodes if node.is_controlplane),
        module.params["kubeconfig"],
        None if pairs is None else tuple(PairTraffic(**pair) for pair in pairs),
        module.params["timeout"],
        declared_workloads(definition.cluster) if definition else None,
    )


def declared_workloads(cluster: Cluster) -> frozenset[str]:
    wanted = {"kube-proxy": not cluster.proxy_disabled, "coredns": not cluster.coredns_disabled}
    return frozenset(name for name, is_wanted in wanted.items() if is_wanted)


def declared_nodes(definition: Definition) -> list[ExpectedNode]:
    nodes = []
    for node in definition.nodes:
        extensions = definition.cluster.extensions_of(node)
        nodes.append(
            ExpectedNode(
                node.name,
                node.address,
                node.machine_type,
                node.role,
                tuple(extensions),
                tuple(services_of(extensions)),
                definition.cluster.talos_version,
            )
        )
    return nodes


def listed_nodes(module: TalosModule) -> list[ExpectedNode]:
    return [
        ExpectedNode(
            item["name"],
            item["address"],
            item["machine_type"],
            item["role"],
            None if item["extensions"] is None else tuple(item["extensions"]),
            tuple(item["extension_services"]),
            item["talos_version"],
        )
        for item in module.params["expected_nodes"]
    ]


def checks_of(module: TalosModule) -> tuple[Check, ...]:
    """Return the checks to run; what nobody can answer is left out unless it was asked for by name."""
    params = module.params
    checks = select(tuple(params["checks"]), tuple(params["layers"]))
    left_out = ON_REQUEST - set(params["checks"])
    if params["pair_traffic"] is None and "pair-traffic" not in params["checks"]:
        left_out |= {"pair-traffic"}
    checks = tuple(check for check in checks if check.id not in left_out)
    asking = [check.id for check in checks if check.asks_kubernetes and check.id in params["checks"]]
    if asking and params["kubeconfig"] is None:
        module.fail(f"check {asking[0]} asks Kubernetes; give kubeconfig")
    return checks


def clocks(observation: Observation) -> list[dict[str, Any]]:
    """Return stage, machine ready and Kubernetes ready of each node."""
    reported = {
        address: node.ready
        for node in (observation.kubernetes.nodes if observation.kubernetes else ())
        for address in node.addresses
    }
    return [
        {
            "name": node.name,
            "error": node.error,
            "stage": node.stage,
            "ready": node.ready,
            "kubernetes_ready": reported.get(node.expected.address, node.sees_itself_ready),
        }
        for node in observation.nodes
    ]


def result_of(results: list[CheckResult], observation: Observation, seconds: float) -> dict[str, Any]:
    return {
        "healthy": is_healthy(results),
        "summary": summary(results),
        "checks": [result.to_dict() for result in results],
        "findings": [finding.to_dict() for result in results for finding in result.findings],
        "nodes": clocks(observation),
        "stand_ins": [item.to_dict() for item in stand_ins(observation)],
        "seconds": round(seconds, 1),
    }


async def look(module: TalosModule) -> dict[str, Any]:
    started = time.monotonic()
    subject, checks = subject_of(module), checks_of(module)
    limit = 0 if module.check_mode else module.params["wait_timeout"]
    results, observation = await watch_health(Connector(module.params), subject, checks, limit)
    result = result_of(results, observation, time.monotonic() - started)
    if not result["healthy"]:
        waited = f"waited {limit} s for " if limit else ""
        module.fail(f"the cluster is not healthy ({result['summary']}): {waited}{awaited(results)}", **result)
    return result


def main() -> None:
    module = TalosModule(spec())
    if module.params["kubeconfig"]:
        module.require(KUBERNETES)
    module.run(look)


if __name__ == "__main__":
    main()
