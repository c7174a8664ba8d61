# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bootstrap: once, on one node, never a second cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    AlreadyExists,
    FailedPrecondition,
    NotAuthorized,
)
from ansible_collections.homelab.talos.plugins.modules import bootstrap
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

PLANES = [{"name": "cp1", "address": "198.18.1.11"}, {"name": "cp2", "address": "198.18.1.12"}]


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    return {
        "endpoint": "198.18.1.11",
        "name": "cp1",
        "talosconfig": str(talosconfig),
        "control_planes": PLANES,
        "wait_timeout": 30,
    }


def waiting_node(address: str) -> FakeNode:
    return FakeNode(address, stage="booting", services={"etcd": ("Preparing", None), "cri": ("Running", True)})


def member_node(address: str, identity: int) -> FakeNode:
    return FakeNode(address, services={"etcd": ("Running", True)}, members=[(identity, f"n{identity}", address)])


@pytest.fixture
def planes(world: FakeWorld) -> tuple[FakeNode, FakeNode]:
    nodes = waiting_node("198.18.1.11"), waiting_node("198.18.1.12")
    world.nodes.update({node.address: node for node in nodes})
    return nodes


def test_bootstraps_once(run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]) -> None:
    result = run_module(bootstrap, **options)
    assert (result["changed"], result["node"]) == (True, "cp1")
    assert result["members"] == [
        {"id": "1", "hostname": "198.18.1.11", "addresses": ["198.18.1.11"], "is_learner": False}
    ]
    again = run_module(bootstrap, **options)
    assert (again["changed"], again["reason"]) == (False, "etcd has 1 member(s)")
    assert planes[0].calls.count("Bootstrap") == 1
    assert "Bootstrap" not in planes[1].calls


def test_check_mode_asks_but_does_not_bootstrap(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]
) -> None:
    result = run_module(bootstrap, check_mode=True, **options)
    assert (result["changed"], result["members"]) == (True, [])
    assert "Bootstrap" not in planes[0].calls


def test_nothing_to_do_when_another_control_plane_has_the_cluster(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode], world: FakeWorld
) -> None:
    world.nodes["198.18.1.12"] = member_node("198.18.1.12", 2)
    assert not run_module(bootstrap, **options)["changed"]
    assert "Bootstrap" not in planes[0].calls


def test_a_control_plane_in_maintenance_holds_no_cluster(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]
) -> None:
    planes[1].stage = "maintenance"
    assert run_module(bootstrap, **options)["changed"]
    assert [call for call in planes[1].calls if call.startswith("insecure:")] == ["insecure:get MachineStatuses"]


def test_refuses_two_clusters(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes.update({"198.18.1.11": member_node("198.18.1.11", 1), "198.18.1.12": member_node("198.18.1.12", 2)})
    result = run_module(bootstrap, **options)
    assert result["exit_status"] == 1
    assert "control planes belong to different etcd clusters: cp1 has etcd Running" in result["msg"]


def test_refuses_the_cluster_of_somebody_else(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    node = member_node("198.18.1.11", 1)
    node.members.append((9, "stranger", "10.9.9.9"))
    world.nodes.update({"198.18.1.11": node, "198.18.1.12": waiting_node("198.18.1.12")})
    result = run_module(bootstrap, **options)
    assert "no control planes of this cluster: stranger (10.9.9.9)" in result["msg"]
    assert "Bootstrap" not in node.calls


def test_an_unreachable_control_plane_stops_it(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode], world: FakeWorld
) -> None:
    del world.nodes["198.18.1.12"]
    result = run_module(bootstrap, **options)
    assert result["exit_status"] == 1
    assert result["msg"].startswith("cp1: waited 30 s for every control plane to show whether it has an etcd member")
    assert "cp2 cannot be asked (198.18.1.12: connection refused (UNAVAILABLE)" in result["msg"]
    assert "Bootstrap" not in planes[0].calls


def test_data_of_an_old_member_stops_it(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]
) -> None:
    planes[1].files["/var/lib/etcd/member"] = b""
    result = run_module(bootstrap, **options)
    assert "the disk of cp2 holds an etcd member that does not answer" in result["msg"]
    assert "Bootstrap" not in planes[0].calls


def test_waits_for_the_preconditions(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]
) -> None:
    refusals = [FailedPrecondition("cp1", "bootstrap is not available yet")] * 3
    plain = planes[0].answers.get("Bootstrap")
    assert plain is None

    def answer(node: FakeNode, request: Any) -> None:
        if refusals:
            raise refusals.pop()
        node.services["etcd"], node.members = ("Running", True), [(1, "cp1", node.address)]

    planes[0].answers["Bootstrap"] = answer
    assert run_module(bootstrap, **options)["changed"]
    assert planes[0].calls.count("Bootstrap") == 4


def test_says_what_it_waited_for(run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]) -> None:
    planes[0].refuse["Bootstrap"] = FailedPrecondition("cp1", "time is not in sync yet")
    result = run_module(bootstrap, **options)
    assert result["msg"] == "waited 30 s for cp1 to accept the bootstrap; last observed: time is not in sync yet"


def test_a_race_is_no_change(run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]) -> None:
    def answer(node: FakeNode, request: Any) -> None:
        node.services["etcd"], node.members = ("Running", True), [(1, "cp1", node.address)]
        raise AlreadyExists("cp1", "etcd data directory is not empty")

    planes[0].answers["Bootstrap"] = answer
    assert not run_module(bootstrap, **options)["changed"]


def test_a_reader_is_refused(run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode]) -> None:
    planes[0].refuse["Bootstrap"] = NotAuthorized(
        "198.18.1.11:50000", "not authorized", method="machine.MachineService/Bootstrap"
    )
    result = run_module(bootstrap, **options)
    assert result["exit_status"] == 1
    assert "machine.MachineService/Bootstrap: not authorized" in result["msg"]
    assert result["code"] == "PERMISSION_DENIED"


def test_the_target_must_be_a_control_plane(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    result = run_module(bootstrap, **{**options, "endpoint": "198.18.1.20", "name": "gw1"})
    assert result["msg"].startswith("gw1: 198.18.1.20 is no control plane of the cluster; bootstrap one of cp1")


def test_an_empty_store_where_a_worker_has_joined_is_not_a_new_cluster(
    run_module: Any, options: dict[str, Any], planes: tuple[FakeNode, FakeNode], world: FakeWorld
) -> None:
    network = {"interface": "eth0", "prefix": 24}
    nodes = [
        {"name": name, "machine_type": kind, "role": "compute", "address": address, "network": network}
        for name, kind, address in (
            ("cp1", "controlplane", "198.18.1.11"),
            ("cp2", "controlplane", "198.18.1.12"),
            ("node1", "worker", "198.18.1.13"),
        )
    ]
    nodes = [{**node, "install": {"disk": "/dev/vda"}} for node in nodes]
    definition = {"cluster": {"name": "garage", "endpoint": "https://198.18.1.11:6443"}, "nodes": nodes}
    world.nodes["198.18.1.13"] = worker = FakeNode("198.18.1.13")
    worker.files["/var/lib/kubelet/pki/kubelet-client-current.pem"] = b""
    del options["control_planes"]
    result = run_module(bootstrap, definition=definition, **options)
    assert result["exit_status"] == 1
    assert result["msg"] == (
        "cp1: no control plane has etcd data, and node1 joined a cluster before: nothing was changed; give a snapshot"
        " of etcd as recover_from, or reset those nodes when the cluster shall begin empty"
    )
    assert "Bootstrap" not in planes[0].calls
    worker.files.clear()
    assert run_module(bootstrap, definition=definition, **options)["changed"]
