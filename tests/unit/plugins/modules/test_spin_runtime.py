# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""spin_runtime: RuntimeClass, labels from what nodes have, executors where the operator is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes import manifests
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import Unreachable
from ansible_collections.homelab.talos.plugins.modules import spin_runtime
from ansible_collections.homelab.talos.tests.support.kubernetes_objects import SPIN_API, FakeCluster
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

RUNTIME_CLASS = "/apis/node.k8s.io/v1/runtimeclasses/wasmtime-spin-v2"
LABEL = "homelab.talos/spin"
NODES = [{"name": "node1", "address": "198.18.1.13"}, {"name": "node2", "address": "198.18.1.14"}]


def extension(name: str = "spin") -> dict[tuple[str, str], Any]:
    return {("ExtensionStatuses.runtime.talos.dev", "0"): {"metadata": {"name": name, "version": "v0.25.1"}}}


@pytest.fixture
def nodes(world: FakeWorld, cluster: FakeCluster) -> dict[str, FakeNode]:
    """Make node1 with the extension and node2 without it, which carries the label of better days."""
    made = {node["name"]: FakeNode(node["address"]) for node in NODES}
    made["node1"].resources.update(extension())
    made["node2"].resources.update(extension("drbd"))
    world.nodes.update({node.address: node for node in made.values()})
    for node in NODES:
        labels = {LABEL: "true"} if node["name"] == "node2" else {"other": "label"}
        addresses = [{"type": "InternalIP", "address": node["address"]}]
        item = {
            "kind": "Node",
            "metadata": {"name": node["name"], "labels": labels},
            "status": {"addresses": addresses},
        }
        cluster.put(f"/api/v1/nodes/{node['name']}", item)
    return made


@pytest.fixture
def ensure(run_module: Any, cluster: FakeCluster, nodes: dict[str, FakeNode], talosconfig: Path, tmp_path: Path) -> Any:
    def run(check_mode: bool = False, diff: bool = False, **params: Any) -> dict[str, Any]:
        path = tmp_path / "kubeconfig"
        path.write_text(cluster.kubeconfig())
        given = {"kubeconfig": str(path), "talosconfig": str(talosconfig), "nodes": NODES, **params}
        result: dict[str, Any] = run_module(spin_runtime, check_mode=check_mode, diff=diff, **given)
        return result

    return run


def labels(cluster: FakeCluster, node: str) -> dict[str, str]:
    found: dict[str, str] = cluster.objects[f"/api/v1/nodes/{node}"]["metadata"]["labels"]
    return found


def test_nodes_are_labelled_by_what_they_have(ensure: Any, cluster: FakeCluster) -> None:
    first = ensure(diff=True)
    assert (first["exit_status"], first["changed"], first["operator"]) == (0, True, False)
    assert first["objects"] == ["RuntimeClass wasmtime-spin-v2", "Node node1", "Node node2"]
    assert [node["version"] for node in first["nodes"]] == ["v0.25.1", ""]
    made = cluster.objects[RUNTIME_CLASS]
    assert (made["handler"], made["scheduling"]) == ("spin", {"nodeSelector": {LABEL: "true"}})
    assert labels(cluster, "node1") == {"other": "label", LABEL: "true"}
    assert labels(cluster, "node2") == {}
    assert "handler: spin" in first["diff"]["after"]
    before = list(cluster.changes)
    again = ensure()
    assert (again["changed"], again["objects"], cluster.changes) == (False, [], before)


def test_check_mode_changes_nothing(ensure: Any, cluster: FakeCluster) -> None:
    told = ensure(check_mode=True)
    assert (told["changed"], cluster.changes) == (True, [])
    assert told["objects"] == ensure()["objects"]


def test_a_node_that_cannot_be_asked_keeps_everything_as_it_is(
    ensure: Any, cluster: FakeCluster, nodes: dict[str, FakeNode]
) -> None:
    nodes["node2"].refuse["connect"] = Unreachable("198.18.1.14:50000", "no connection within 10 s")
    result = ensure()
    assert result["exit_status"] == 1
    assert "node2: its extensions are not known: 198.18.1.14:50000: no connection" in result["msg"]
    assert cluster.changes == []


def test_a_node_that_kubernetes_does_not_know(ensure: Any, cluster: FakeCluster) -> None:
    del cluster.objects["/api/v1/nodes/node2"]
    assert "node 198.18.1.14: Kubernetes knows no node of that address; let it join first" in ensure()["msg"]


def test_another_handler_is_not_passed_over(ensure: Any, cluster: FakeCluster) -> None:
    cluster.put(RUNTIME_CLASS, {"kind": "RuntimeClass", "metadata": {"name": "wasmtime-spin-v2"}, "handler": "spinn"})
    said = ensure()["msg"]
    assert "RuntimeClass wasmtime-spin-v2: its handler is 'spinn', not 'spin', and it cannot be changed" in said
    assert "kubectl delete runtimeclass wasmtime-spin-v2, then run this again" in said
    assert cluster.changes == []


def test_with_the_operator_executors_are_made(ensure: Any, cluster: FakeCluster) -> None:
    cluster.has_operator = True
    result = ensure(executor_namespaces=["default", "apps"])
    assert (result["operator"], result["objects"].count("SpinAppExecutor containerd-shim-spin")) == (True, 2)
    made = cluster.objects[f"{SPIN_API}/namespaces/apps/spinappexecutors/containerd-shim-spin"]["spec"]
    assert made["createDeployment"]
    assert made["deploymentConfig"] == {"runtimeClassName": "wasmtime-spin-v2", "installDefaultCACerts": True}
    assert not ensure(executor_namespaces=["default", "apps"])["changed"]


MANIFEST = """
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: setting, namespace: spin-operator}, data: {a: b}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: spin-operator}}
---
"""


def test_an_operator_is_installed_from_its_manifests(ensure: Any, cluster: FakeCluster, tmp_path: Path) -> None:
    path = tmp_path / "operator.yaml"
    path.write_text(MANIFEST)
    assert ensure(check_mode=True, operator_manifests=[str(path)])["exit_status"] == 0
    assert not ensure(check_mode=True, operator_manifests=[str(path)])["objects"][3:]
    result = ensure(operator_manifests=[str(path)])
    assert result["objects"][3:] == ["Namespace spin-operator", "ConfigMap setting"]
    assert not ensure(operator_manifests=[str(path)])["changed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "reading the manifest at"),
        ("kind: x", "object 1 has no kind or no name; write one Kubernetes object per document"),
        ("{apiVersion: a/v1, kind: None, metadata: {name: x}}", "applying None x at"),
    ],
)
def test_manifests_that_cannot_be_applied(
    ensure: Any, tmp_path: Path, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "_KIND_SECONDS", 0.5)
    path = tmp_path / "operator.yaml"
    path.write_text(text)
    result = ensure(operator_manifests=[str(path)])
    assert (result["exit_status"], said in result["msg"]) == (1, True), result["msg"]
    assert "cannot be read: No such file" in ensure(operator_manifests=[str(tmp_path / "none.yaml")])["msg"]


def test_it_can_be_taken_away(ensure: Any, cluster: FakeCluster) -> None:
    cluster.has_operator = True
    ensure()
    gone = ensure(state="absent")
    assert gone["objects"] == [
        "RuntimeClass wasmtime-spin-v2",
        "SpinAppExecutor default/containerd-shim-spin",
        f"label {LABEL} of node node1",
    ]
    assert RUNTIME_CLASS not in cluster.objects
    assert labels(cluster, "node1") == {"other": "label"}
    assert not ensure(state="absent")["changed"]
