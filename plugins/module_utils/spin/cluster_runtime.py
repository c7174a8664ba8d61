# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster needs to run Spin applications: the RuntimeClass, labels on nodes, and executors for the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import AppRefused
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    API_VERSION,
    EXECUTOR,
    HANDLER,
    MANAGER,
    NODE_LABEL,
    NODE_LABEL_VALUE,
    RUNTIME_CLASS,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.object_difference import stable

Object = dict[str, Any]
Change: TypeAlias = "tuple[Object | None, Object]"

_RUNTIME_CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


@dataclass(frozen=True)
class RuntimeNames:
    """How the runtime is called on a cluster; the defaults are those that everybody uses."""

    runtime_class: str = RUNTIME_CLASS
    handler: str = HANDLER
    node_label: str = NODE_LABEL


def runtime_class(names: RuntimeNames) -> Object:
    """Return the RuntimeClass; it alone decides on which nodes pods are placed."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": names.runtime_class},
        "handler": names.handler,
        "scheduling": {"nodeSelector": {names.node_label: NODE_LABEL_VALUE}},
    }


def executor(namespace: str, names: RuntimeNames) -> Object:
    """Return the executor that applications of a namespace name."""
    return {
        "apiVersion": API_VERSION,
        "kind": "SpinAppExecutor",
        "metadata": {"name": EXECUTOR, "namespace": namespace},
        "spec": {
            "createDeployment": True,
            "deploymentConfig": {"runtimeClassName": names.runtime_class, "installDefaultCACerts": True},
        },
    }


class ClusterRuntime:
    """The runtime of a cluster.

    :param dry_run: judge and change nothing.
    """

    def __init__(self, client: KubernetesClient, names: RuntimeNames, dry_run: bool) -> None:
        self._client = client
        self._names = names
        self._dry_run = dry_run

    def has_operator(self) -> bool:
        """Whether the kinds of SpinKube are known."""
        return self._client.find(f"/apis/{API_VERSION}") is not None

    def ensure_runtime_class(self) -> list[Change]:
        """Make the RuntimeClass.

        :raises AppRefused: there is one with another handler, which cannot be changed.
        """
        path = f"{_RUNTIME_CLASSES}/{self._names.runtime_class}"
        before = self._client.find(path)
        if before is not None and before.get("handler") != self._names.handler:
            cause = f"its handler is {before.get('handler')!r}, not {self._names.handler!r}, and it cannot be changed"
            remedy = f"kubectl delete runtimeclass {self._names.runtime_class}, then run this again"
            raise AppRefused(f"RuntimeClass {self._names.runtime_class}", cause, remedy)
        return self._applied(path, runtime_class(self._names), before)

    def ensure_executors(self, namespaces: Sequence[str]) -> list[Change]:
        """Make an executor in each of the namespaces."""
        changes = []
        for namespace in namespaces:
            wanted = executor(namespace, self._names)
            path = f"/apis/{API_VERSION}/namespaces/{namespace}/spinappexecutors/{EXECUTOR}"
            changes += self._applied(path, wanted, self._client.find(path))
        return changes

    def ensure_labels(self, has_extension: Mapping[str, bool]) -> list[Change]:
        """Label the nodes that have the extension, and take the label from those that have not.

        :param has_extension: by address of the node; nodes that are not in it are left as they are.
        :raises AppRefused: Kubernetes does not know a node.
        """
        nodes = {address: node for node in self._client.list_nodes() for address in _addresses(node)}
        changes: list[Change] = []
        for address, has in has_extension.items():
            node = nodes.get(address)
            if node is None:
                raise AppRefused(f"node {address}", "Kubernetes knows no node of that address", "let it join first")
            labelled = (node["metadata"].get("labels") or {}).get(self._names.node_label) == NODE_LABEL_VALUE
            if labelled != has:
                value = NODE_LABEL_VALUE if has else None
                path = f"/api/v1/nodes/{node['metadata']['name']}"
                body = {"metadata": {"labels": {self._names.node_label: value}}}
                # Objects of a list do not name their kind.
                before = {**node, "kind": "Node"}
                changes.append((before, self._client.merge(path, body, MANAGER, self._dry_run)))
        return changes

    def remove(self, namespaces: Sequence[str]) -> list[str]:
        """Delete RuntimeClass, executors and labels; return what was there."""
        gone = []
        paths = {f"RuntimeClass {self._names.runtime_class}": f"{_RUNTIME_CLASSES}/{self._names.runtime_class}"}
        for namespace in namespaces if self.has_operator() else ():
            path = f"/apis/{API_VERSION}/namespaces/{namespace}/spinappexecutors/{EXECUTOR}"
            paths[f"SpinAppExecutor {namespace}/{EXECUTOR}"] = path
        for name, path in paths.items():
            if self._client.find(path) is not None:
                self._client.delete(path, self._dry_run)
                gone.append(name)
        for node in self._client.list_nodes():
            if self._names.node_label in (node["metadata"].get("labels") or {}):
                body = {"metadata": {"labels": {self._names.node_label: None}}}
                self._client.merge(f"/api/v1/nodes/{node['metadata']['name']}", body, MANAGER, self._dry_run)
                gone.append(f"label {self._names.node_label} of node {node['metadata']['name']}")
        return gone

    def _applied(self, path: str, wanted: Object, before: Object | None) -> list[Change]:
        tried = self._client.apply(path, wanted, MANAGER, dry_run=True)
        if before is not None and stable(before) == stable(tried):
            return []
        return [(before, tried if self._dry_run else self._client.apply(path, wanted, MANAGER))]


def _addresses(node: Object) -> list[str]:
    listed = (node.get("status") or {}).get("addresses") or ()
    return [str(each["address"]) for each in listed if each.get("type") == "InternalIP"]
