#!/usr/bin/python

# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: spin_runtime
short_description: Make a cluster ready for Spin applications
version_added: 0.1.0
description:
  - Makes the RuntimeClass whose handler the system extension C(spin) gives to containerd, and labels the nodes that
    have the extension. The RuntimeClass places pods on labelled nodes only.
  - What a node has is asked from the node itself. A node whose extension is gone loses its label.
  - Where the operator of SpinKube is known, or is installed from O(operator_manifests), makes the executor that
    applications name, in each of O(executor_namespaces).
author:
  - homelab.talos contributors (@homelab)
options:
  state:
    description:
      - V(absent) removes RuntimeClass, executors and labels. An operator is left.
    type: str
    choices:
      - present
      - absent
    default: present
  kubeconfig:
    description:
      - Path of a kubeconfig for the cluster.
    type: path
    required: true
  nodes:
    description:
      - Nodes that are asked for their extensions. Labels of other nodes are left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name in messages.
        type: str
        required: true
      address:
        description: Address of the node.
        type: str
        required: true
  runtime_class:
    description:
      - Name of the RuntimeClass.
    type: str
    default: wasmtime-spin-v2
  handler:
    description:
      - Handler of containerd. That of the extension is V(spin).
    type: str
    default: spin
  node_label:
    description:
      - Label of nodes that have the extension; its value is V(true).
    type: str
    default: homelab.talos/spin
  executor_namespaces:
    description:
      - Namespaces of applications, for the operator.
    type: list
    elements: str
    default: [default]
  operator_manifests:
    description:
      - Manifest files that install the operator, applied in this order before the executors.
    type: list
    elements: path
    default: []
  request_timeout:
    description:
      - Limit for each single call to the Kubernetes API, in seconds.
    type: float
    default: 10.0
extends_documentation_fragment:
  - homelab.talos.connection
  - homelab.talos.attributes
  - homelab.talos.attributes.actiongroup_talos
  - homelab.talos.requirements
  - homelab.talos.requirements.kubernetes
attributes:
  check_mode:
    details:
      - The API server judges the objects and keeps nothing. Objects whose kind O(operator_manifests) would define are
        not among them.
"""

EXAMPLES = r"""
- name: Let the nodes that have the extension run Spin applications
  homelab.talos.spin_runtime:
    kubeconfig: "{{ talos_workspace }}/kubeconfig"
    talosconfig: "{{ talos_workspace }}/talosconfig"
    nodes:
      - name: node1
        address: 198.18.1.13
"""

RETURN = r"""
nodes:
  description: What each node has.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    address:
      description: Address of the node.
      type: str
    version:
      description: Version of the extension, empty when it has none.
      type: str
  sample:
    - name: node1
      address: 198.18.1.13
      version: v0.25.1
objects:
  description: Objects that were changed, or would be in check mode, as kind and name.
  returned: success
  type: list
  elements: str
  sample: [RuntimeClass wasmtime-spin-v2, Node node1]
operator:
  description: Whether the cluster knows the kinds of the operator.
  returned: success
  type: bool
  sample: false
"""

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils._module.connection import CONNECTION, Connector
from ansible_collections.homelab.talos.plugins.module_utils._module.dependencies import KUBERNETES, TALOS
from ansible_collections.homelab.talos.plugins.module_utils._module.errors import one_line
from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.manifests import ManifestApplier, read_objects
from ansible_collections.homelab.talos.plugins.module_utils.spin.cluster_runtime import (
    Change,
    ClusterRuntime,
    RuntimeNames,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    EXTENSION,
    HANDLER,
    MANAGER,
    NODE_LABEL,
    RUNTIME_CLASS,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.object_difference import shown, stable
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.node_state import read_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node

NODE: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
}


def spec() -> ArgumentSpec:
    return CONNECTION.merged_with(
        ArgumentSpec(
            {
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "kubeconfig": {"type": "path", "required": True},
                "nodes": NODE,
                "runtime_class": {"type": "str", "default": RUNTIME_CLASS},
                "handler": {"type": "str", "default": HANDLER},
                "node_label": {"type": "str", "default": NODE_LABEL},
                "executor_namespaces": {"type": "list", "elements": "str", "default": ["default"]},
                "operator_manifests": {"type": "list", "elements": "path", "default": []},
                "request_timeout": {"type": "float", "default": 10.0},
            }
        )
    )


async def versions_of(module: TalosModule) -> dict[str, str]:
    """Return the version of the extension by address, empty for a node without it.

    :raises ModuleFailure: a node cannot be asked; what it has is not guessed.
    """
    connector = Connector(module.params)
    names = {node["address"]: node["name"] for node in module.params["nodes"]}

    async def read(address: str) -> str:
        async with connector.secure(address) as client:
            found = (await read_node(client, ["extensions"]))["extensions"] or []
        return next((str(each["version"]) for each in found if each["name"] == EXTENSION), "")

    answers = await for_each_node(list(names), read)
    for address, answer in answers.items():
        if isinstance(answer, TalosError):
            module.fail(f"{names[address]}: its extensions are not known: {one_line(answer)}")
    return {address: str(answer) for address, answer in answers.items()}


def operator_changes(module: TalosModule, client: KubernetesClient) -> list[Change]:
    objects = [each for path in module.params["operator_manifests"] for each in read_objects(path)]
    if module.check_mode and objects:
        # Kinds that are still to be defined cannot be judged by the server.
        return []
    changes = ManifestApplier(client, MANAGER, module.check_mode).apply(objects)
    return [(before, after) for before, after in changes if before is None or stable(before) != stable(after)]


async def ensure(module: TalosModule) -> dict[str, Any]:
    params = module.params
    names = RuntimeNames(params["runtime_class"], params["handler"], params["node_label"])
    with KubernetesClient.from_path(params["kubeconfig"], params["request_timeout"]) as client:
        runtime = ClusterRuntime(client, names, module.check_mode)
        if params["state"] == "absent":
            gone = runtime.remove(params["executor_namespaces"])
            return {"changed": bool(gone), "objects": gone, "nodes": [], "operator": runtime.has_operator()}
        versions = await versions_of(module)
        changes = runtime.ensure_runtime_class()
        changes += runtime.ensure_labels({address: bool(version) for address, version in versions.items()})
        changes += operator_changes(module, client)
        operator = runtime.has_operator()
        if operator:
            changes += runtime.ensure_executors(params["executor_namespaces"])
    result: dict[str, Any] = {
        "changed": bool(changes),
        "objects": [f"{after['kind']} {after['metadata']['name']}" for _before, after in changes],
        "nodes": [{**node, "version": versions[node["address"]]} for node in params["nodes"]],
        "operator": operator,
    }
    if module.wants_diff:
        before = [relevant(item) for item, _after in changes if item is not None]
        after = [relevant(item) for _before, item in changes]
        texts = ["".join(yaml_text.dump(item) for item in items) for items in (before, after)]
        result["diff"] = {"before": texts[0], "after": texts[1]}
    return result


def relevant(item: dict[str, Any]) -> dict[str, Any]:
    """Return the part of an object that this module is about: of a node its labels."""
    if item["kind"] == "Node":
        return {"node": item["metadata"]["name"], "labels": item["metadata"].get("labels") or {}}
    return shown(item)


def main() -> None:
    TalosModule(spec(), {**TALOS, **KUBERNETES}).run(ensure)


if __name__ == "__main__":
    main()
