# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_health: what is read becomes results; waiting ends with what was awaited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils._module import health_watch
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import CertificateRefused, Unreachable
from ansible_collections.homelab.talos.plugins.modules import cluster_health
from ansible_collections.homelab.talos.tests.unit.plugins import fake_node
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
EXPECTED: list[dict[str, Any]] = [
    {"name": "cp1", "address": "198.18.1.11", "machine_type": "controlplane", "extensions": ["drbd"]},
    {
        "name": "gw1",
        "address": "198.18.1.21",
        "role": "gateway",
        "extensions": ["drbd", "tailscale"],
        "extension_services": ["tailscale"],
    },
]


def extension(name: str) -> dict[str, Any]:
    return {"image": f"{name}.sqsh", "metadata": {"name": name, "version": "1"}}


@pytest.fixture
def cluster(world: FakeWorld) -> dict[str, FakeNode]:
    plane = FakeNode(
        "198.18.1.11",
        services={"kubelet": ("Running", True), "etcd": ("Running", True)},
        members=[(1, "cp1", "198.18.1.11")],
    )
    plane.resources = {
        ("StaticPodStatuses.kubernetes.talos.dev", f"kube-system/{component}-cp1"): {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        for component in COMPONENTS
    }
    plane.resources["ExtensionStatuses.runtime.talos.dev", "000"] = extension("drbd")
    gateway = FakeNode("198.18.1.21", services={"kubelet": ("Running", True), "ext-tailscale": ("Running", None)})
    gateway.resources["ExtensionStatuses.runtime.talos.dev", "000"] = extension("drbd")
    gateway.resources["ExtensionStatuses.runtime.talos.dev", "001"] = extension("tailscale")
    world.nodes.update({node.address: node for node in (plane, gateway)})
    return {"cp1": plane, "gw1": gateway}


def kubernetes_reading() -> dict[str, Any]:
    names = {"cp1": "198.18.1.11", "gw1": "198.18.1.21"}
    return {
        "nodes": [
            {"name": name, "addresses": [address], "ready": True, "reason": "", "schedulable": True}
            for name, address in names.items()
        ],
        "pods": [
            {
                "namespace": "kube-system",
                "name": f"{name}-cp1",
                "node": "cp1",
                "app": name,
                "ready": True,
                "addresses": ["198.18.1.11"],
                "health_error": None,
            }
            for name in COMPONENTS
        ],
        "services": [{"name": "default/kubernetes", "addresses": ["10.96.0.1"], "endpoints": ["198.18.1.11"]}],
        "daemon_sets": {},
        "deployments": {},
    }


@pytest.fixture
def kubernetes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    reading = kubernetes_reading()
    monkeypatch.setattr(health_watch, "read_kubernetes", lambda path, timeout: reading)
    return reading


@pytest.fixture
def options(talosconfig: Path, kubernetes: dict[str, Any]) -> dict[str, Any]:
    return {"talosconfig": str(talosconfig), "kubeconfig": "/kubeconfig", "expected_nodes": EXPECTED}


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["status"] for check in result["checks"]}


def test_a_healthy_cluster(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    result = run_module(cluster_health, **options)
    assert result["exit_status"] == 0, result.get("msg")
    assert (result["healthy"], result["changed"], result["findings"]) == (True, False, [])
    assert result["summary"] == "19 ok, 8 skipped"
    assert statuses(result)["kube-proxy-ready"] == "skipped"
    assert result["nodes"][1] == {
        "name": "gw1",
        "error": "",
        "stage": "running",
        "ready": True,
        "kubernetes_ready": True,
    }


def test_stand_ins_are_listed(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    assert run_module(cluster_health, **options)["stand_ins"] == []

    def list_services(node: FakeNode, request: Any) -> Any:
        reply = fake_node.list_services(node, request)
        for service in reply.messages[0].services:
            if service.id == "ext-tailscale":
                service.events.events.add(state="Running", msg="Started task [stand-in: no tailscaled in this lab]")
        return reply

    cluster["gw1"].answers["ServiceList"] = list_services
    result = run_module(cluster_health, **options)
    assert result["stand_ins"] == [
        {"node": "gw1", "service": "ext-tailscale", "note": "stand-in: no tailscaled in this lab"}
    ]


def test_nothing_is_changed(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    run_module(cluster_health, **options)
    calls = {call for node in cluster.values() for call in node.calls}
    assert calls <= {
        "Version",
        "ServiceList",
        "EtcdMemberList",
        "Memory",
        "get MachineStatuses",
        "get Nodenames",
        "list NodeStatuses",
        "get VolumeStatuses",
        "list ExtensionStatuses",
        "list Diagnostics",
        "list StaticPodStatuses",
        "list KubePrismConfigs",
        "list KubePrismStatuses",
    }


def test_three_clocks_of_an_unconfigured_extension(
    run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]
) -> None:
    cluster["gw1"].services["ext-tailscale"] = ("Waiting", None)
    cluster["gw1"].stage = "booting"
    result = run_module(cluster_health, **options, wait_timeout=10)
    assert result["exit_status"] == 1
    assert "waited 10 s for all extension services to run: gw1: service ext-tailscale is Waiting" in result["msg"]
    assert [check for check, status in statuses(result).items() if status == "failed"] == ["extension-services-running"]
    assert statuses(result)["boot-finished"] == "blocked"
    assert (result["nodes"][1]["stage"], result["nodes"][1]["ready"]) == ("booting", True)
    assert result["findings"][0]["host"] == "gw1"


def test_waits_until_it_is_healthy(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    looks = []

    def list_services(node: FakeNode, request: Any) -> Any:
        looks.append(1)
        node.services["kubelet"] = ("Running", True) if len(looks) == 4 else ("Preparing", None)
        return fake_node.list_services(node, request)

    cluster["gw1"].answers["ServiceList"] = list_services
    result = run_module(cluster_health, **options, wait_timeout=60)
    assert (result["healthy"], len(looks)) == (True, 4)


def test_check_mode_does_not_wait(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    cluster["gw1"].services["kubelet"] = ("Preparing", None)
    result = run_module(cluster_health, check_mode=True, **options, wait_timeout=60)
    assert result["exit_status"] == 1
    assert cluster["gw1"].calls.count("ServiceList") == 1
    assert "waited" not in result["msg"]


def test_a_dead_node_blocks_the_layers_above(
    run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode], kubernetes: dict[str, Any]
) -> None:
    cluster["gw1"].refuse["connect"] = Unreachable("198.18.1.21:50000", "no connection within 10 s")
    result = run_module(cluster_health, **options)
    assert result["exit_status"] == 1
    assert statuses(result)["apid-ready"] == "failed"
    assert {check["status"] for check in result["checks"] if check["layer"] in ("L3", "L4")} == {"blocked"}
    assert result["findings"][0]["host"] == "gw1"


def test_another_cluster(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    for node in cluster.values():
        node.refuse["connect"] = CertificateRefused(node.address, "the node does not belong to the cluster")
    result = run_module(cluster_health, **options)
    assert result["exit_status"] == 1
    assert "cp1: error getting version: 198.18.1.11: the node does not belong to the cluster" in result["msg"]


def test_without_kubeconfig(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    del options["kubeconfig"]
    result = run_module(cluster_health, **options)
    assert result["healthy"]
    assert statuses(result)["kubernetes-nodes-ready"] == "not run"
    named = run_module(cluster_health, **options, checks=["kubernetes-nodes-ready"])
    assert named["msg"] == "check kubernetes-nodes-ready asks Kubernetes; give kubeconfig"


def test_kubernetes_is_not_asked_in_vain(
    run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(path: str, timeout: float) -> dict[str, Any]:
        raise AssertionError("a lower layer has failed")

    monkeypatch.setattr(health_watch, "read_kubernetes", never)
    cluster["cp1"].stage = "maintenance"
    cluster["cp1"].refuse["get MachineStatuses"] = Unreachable("198.18.1.11", "gone")
    assert statuses(run_module(cluster_health, **options))["kubernetes-api"] == "blocked"


def test_pairs_are_judged_when_given(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    pairs = [{"source": "cp1", "target": "gw1", "ok": True}, {"source": "gw1", "target": "cp1", "ok": False}]
    result = run_module(cluster_health, **options, pair_traffic=pairs)
    assert statuses(result)["pair-traffic"] == "failed"
    assert "gw1: does not reach cp1" in result["msg"]


def test_single_checks_and_layers(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    result = run_module(cluster_health, **options, checks=["etcd-healthy", "apid-ready"])
    assert list(statuses(result)) == ["apid-ready", "etcd-healthy"]
    result = run_module(cluster_health, **options, layers=["L1"])
    assert {check["layer"] for check in result["checks"]} == {"L1"}
    wrong = run_module(cluster_health, **options, checks=["etcd"])
    assert wrong["msg"].startswith("check 'etcd' does not exist; choose from apid-ready")


def test_another_version_than_listed(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    options["expected_nodes"] = [{**node, "talos_version": "v1.13.8"} for node in EXPECTED]
    result = run_module(cluster_health, **options, checks=["talos-version"])
    assert result["exit_status"] == 1
    assert result["findings"][0]["fix"] == "upgrade the node or correct talos_version"


def test_part_of_a_definition(run_module: Any, options: dict[str, Any], cluster: dict[str, FakeNode]) -> None:
    del options["expected_nodes"]
    definition: dict[str, Any] = {
        "cluster": {
            "name": "home",
            "endpoint": "https://198.18.1.11:6443",
            "variants": {"compute": {"extensions": ["drbd"]}, "gateway": {"extensions": ["drbd", "tailscale"]}},
        },
        "nodes": [
            {
                "name": name,
                "machine_type": machine_type,
                "role": role,
                "address": address,
                "install": {"disk": "/dev/vda"},
            }
            for name, machine_type, role, address in (
                ("cp1", "controlplane", "compute", "198.18.1.11"),
                ("gw1", "worker", "gateway", "198.18.1.21"),
            )
        ],
    }
    result = run_module(cluster_health, **options, definition=definition, layers=["L1", "L3"], nodes=["gw1"])
    assert result["exit_status"] == 0, result["msg"]
    assert [node["name"] for node in result["nodes"]] == ["gw1"]
    assert statuses(result)["extension-services-running"] == "ok"
    assert statuses(result)["talos-version"] == "ok"
    assert cluster["cp1"].calls == []
    newer = {**definition, "cluster": {**definition["cluster"], "talos_version": "v1.12.11"}}
    other = run_module(cluster_health, **options, definition=newer, checks=["talos-version"])
    assert "cp1: the node runs Talos v1.13.9, the inventory declares v1.12.11 (and 1 more)" in other["msg"]
    wrong = run_module(cluster_health, **options, definition=definition, nodes=["gw9"])
    assert wrong["msg"] == "gw9: is no node of the cluster; its nodes are cp1, gw1"
