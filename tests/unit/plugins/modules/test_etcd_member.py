# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_member: waits for the vote, and refuses the data of another cluster by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.modules import etcd_member
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

PLANES = [{"name": "cp1", "address": "198.18.1.11"}, {"name": "cp2", "address": "198.18.1.12"}]
MEMBERS = [(1, "cp1", "198.18.1.11"), (2, "cp2", "198.18.1.12")]


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    return {
        "endpoint": "198.18.1.12",
        "name": "cp2",
        "talosconfig": str(talosconfig),
        "control_planes": PLANES,
        "wait_timeout": 30,
    }


def node(address: str, members: list[tuple[int, str, str]]) -> FakeNode:
    return FakeNode(address, services={"etcd": ("Running", True)}, members=members)


def test_says_who_votes_and_what_that_survives(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes.update({plane["address"]: node(plane["address"], MEMBERS) for plane in PLANES})
    result = run_module(etcd_member, **options)
    assert (result["changed"], result["node"], result["survives"]) == (False, "cp2", 0)
    assert (result["members"], result["summary"]) == (["cp1", "cp2"], "2 members vote; etcd survives no loss")


def test_refuses_the_data_of_another_cluster(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes["198.18.1.11"] = node("198.18.1.11", MEMBERS[:1])
    world.nodes["198.18.1.12"] = node("198.18.1.12", [(9, "other", "198.18.1.12")])
    result = run_module(etcd_member, **options)
    assert result["exit_status"] == 1
    assert result["msg"] == (
        "cp2 holds the etcd data of another cluster; the members of this one are cp1; nothing was changed; erase cp2"
        " (module reset) and let it join again"
    )


def test_says_what_it_waited_for(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes["198.18.1.11"] = node("198.18.1.11", MEMBERS[:1])
    result = run_module(etcd_member, **options)
    assert result["msg"].startswith("waited 30 s for cp2 to vote in etcd; last observed: etcd is not healthy yet: cp2")


def test_the_control_plane_must_be_one_of_those_that_joined(
    run_module: Any, options: dict[str, Any], world: FakeWorld
) -> None:
    result = run_module(etcd_member, **{**options, "endpoint": "198.18.1.13", "name": "cp3"})
    assert result["msg"] == "cp3: 198.18.1.13 is none of the control_planes; add it to them"
