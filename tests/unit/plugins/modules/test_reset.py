# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reset: only with leave to erase, in good order where that is possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum
from ansible_collections.homelab.talos.plugins.modules import reset
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    return {
        "endpoint": "198.18.1.12",
        "name": "w1",
        "talosconfig": str(talosconfig),
        "wait_timeout": 20,
        "erase": True,
    }


@pytest.fixture
def node(world: FakeWorld) -> FakeNode:
    made = FakeNode("198.18.1.12", config="version: v1alpha1\n")
    made.resources["MachineTypes.config.talos.dev", "machine-type"] = "worker"
    world.nodes[made.address] = made
    return made


def test_resets_once(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    first = run_module(reset, **options)
    assert (first["changed"], first["graceful"], first["stage"]) == (True, True, "maintenance")
    assert first["wiped"] == ["EPHEMERAL", "STATE"]
    second = run_module(reset, **options)
    assert (second["changed"], second["stage"], second["wiped"]) == (False, "maintenance", [])
    assert node.calls.count("Reset") == 1


def test_refuses_without_leave_before_anything(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(reset, **{**options, "erase": False})
    assert result["exit_status"] == 1
    assert result["msg"] == "w1: a reset erases data of the node; set erase: true for this host to allow it"
    assert node.calls == []


def test_check_mode_wipes_nothing(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(reset, check_mode=True, **options)
    assert (result["changed"], result["wiped"], node.stage) == (True, ["EPHEMERAL", "STATE"], "running")
    assert "Reset" not in node.calls


@pytest.mark.parametrize(
    ("members", "graceful", "sent"),
    [
        ([(1, "cp1", "198.18.1.12")], "auto", False),
        ([(1, "cp1", "198.18.1.12"), (2, "cp2", "198.18.1.13")], "auto", True),
        ([(1, "cp1", "198.18.1.12")], "always", True),
        ([(1, "cp1", "198.18.1.12"), (2, "cp2", "198.18.1.13")], "never", False),
    ],
)
def test_the_last_member_of_etcd_has_nobody_to_leave_to(
    run_module: Any,
    options: dict[str, Any],
    node: FakeNode,
    members: list[tuple[int, str, str]],
    graceful: str,
    sent: bool,
) -> None:
    node.resources["MachineTypes.config.talos.dev", "machine-type"] = "controlplane"
    node.members = members
    result = run_module(reset, **options, graceful=graceful, wait=False)
    assert result["graceful"] is sent
    assert node.requests[-1].graceful is sent


@pytest.mark.parametrize(
    ("wish", "mode", "labels", "disks"),
    [
        ({}, "ALL", ["EPHEMERAL", "STATE"], []),
        ({"system_partitions": ["EPHEMERAL"]}, "ALL", ["EPHEMERAL"], []),
        ({"whole_disk": True}, "SYSTEM_DISK", [], []),
        ({"system_partitions": [], "user_disks": ["/dev/sdb"]}, "USER_DISKS", [], ["/dev/sdb"]),
        ({"whole_disk": True, "user_disks": ["/dev/sdb"]}, "ALL", [], ["/dev/sdb"]),
    ],
)
def test_what_is_sent(
    run_module: Any,
    options: dict[str, Any],
    node: FakeNode,
    wish: dict[str, Any],
    mode: str,
    labels: list[str],
    disks: list[str],
) -> None:
    run_module(reset, **options, **wish, wait=False)
    request = node.requests[-1]
    assert enum("machine.ResetRequest.WipeMode").Name(request.mode) == mode
    assert [item.label for item in request.system_partitions_to_wipe] == labels
    assert list(request.user_disks_to_wipe) == disks


def test_nothing_named_is_not_everything(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(reset, **options, system_partitions=[])
    assert result["exit_status"] == 1
    assert "nothing to wipe is named" in result["msg"]
    assert node.calls == []


def test_a_node_that_keeps_its_configuration_boots_again(
    run_module: Any, options: dict[str, Any], node: FakeNode
) -> None:
    result = run_module(reset, **options, system_partitions=["EPHEMERAL"])
    assert (result["changed"], result["stage"]) == (True, "running")


def test_without_reboot_it_is_awaited_to_be_off(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    assert run_module(reset, **options, reboot=False)["stage"] == ""


def test_says_what_it_waited_for(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    node.answers["Reset"] = lambda fake, request: None
    result = run_module(reset, **options)
    assert result["exit_status"] == 1
    assert result["msg"].startswith("waited 20 s for w1 to reach maintenance mode; last observed: no answer:")
