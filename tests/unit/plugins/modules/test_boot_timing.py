# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""boot_timing: what is read becomes three values per node; only a limit makes it fail."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils._module import boot_watch
from ansible_collections.homelab.talos.plugins.modules import boot_timing
from ansible_collections.homelab.talos.tests.planted.test_planted_timing import DEFECTS, GOOD, changed

NODES = [{"name": name, **node["expected"]} for name, node in GOOD["nodes"].items()]
STUCK = DEFECTS["timing.stage-running"]["unconfigured extension"]


class World:
    """The nodes and Kubernetes, as plain data that a test may change; counts how often it was looked at."""

    def __init__(self) -> None:
        self.data = copy.deepcopy(GOOD)
        self.looks = 0

    async def boots(self, nodes: dict[str, Any]) -> dict[str, Any]:
        """Return what is read of the nodes."""
        self.looks += 1
        return {name: self.data["nodes"][name]["reading"] for name in nodes}

    def kubernetes(self, _path: str, _timeout: float) -> dict[str, Any]:
        """Return what is read of Kubernetes."""
        return {"nodes": [node["kubernetes"] for node in self.data["nodes"].values()]}


@pytest.fixture
def boots(monkeypatch: pytest.MonkeyPatch) -> World:
    """Two nodes that have booted."""
    made = World()
    monkeypatch.setattr(boot_watch, "read_boots", made.boots)
    monkeypatch.setattr(boot_watch, "read_nodes", made.kubernetes)
    return made


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    """The options of the module for the two nodes."""
    return {"talosconfig": str(talosconfig), "kubeconfig": "/kubeconfig", "expected_nodes": NODES}


def test_three_values_for_each_node(run_module: Any, options: dict[str, Any], boots: World) -> None:
    result = run_module(boot_timing, **options)
    assert (result["exit_status"], result["changed"], result["findings"]) == (0, False, []), result.get("msg")
    gateway = result["nodes"][1]
    assert (gateway["name"], gateway["role"], gateway["stage"]) == ("gw1", "gateway", "running")
    assert [gateway[clock]["seconds"] for clock in ("kubernetes_ready", "machine_ready", "stage_running")] == [
        10,
        12,
        14,
    ]
    assert result["table"][0].startswith("NODE")


def test_only_chosen_nodes_are_looked_at(run_module: Any, options: dict[str, Any], boots: World) -> None:
    result = run_module(boot_timing, **options, nodes=["gw1"])
    assert [node["name"] for node in result["nodes"]] == ["gw1"]
    assert "w9: is no node of the cluster" in run_module(boot_timing, **options, nodes=["w9"])["msg"]


def test_what_only_an_operator_can_give_is_named_and_not_waited_for(
    run_module: Any, options: dict[str, Any], boots: World
) -> None:
    boots.data = changed(GOOD, STUCK)
    result = run_module(boot_timing, **options, wait_timeout=600)
    assert (result["exit_status"], boots.looks) == (0, 1)
    assert result["nodes"][1]["waiting_for"] == [
        {
            "service": "ext-tailscale",
            "message": "Waiting for extension service config",
            "fix": "apply an ExtensionServiceConfig named tailscale; the boot then goes on without a reboot",
            "needs_operator": True,
        }
    ]
    assert [finding["id"] for finding in result["findings"]] == ["timing.stage-running"]


def test_a_node_that_boots_is_waited_for(run_module: Any, options: dict[str, Any], boots: World) -> None:
    boots.data = changed(GOOD, {"/nodes/gw1/kubernetes/ready": False})
    assert run_module(boot_timing, **options, wait_timeout=1)["exit_status"] == 0
    assert boots.looks > 1


def test_a_limit_makes_it_fail_with_the_first_reason(run_module: Any, options: dict[str, Any], boots: World) -> None:
    boots.data = changed(GOOD, STUCK)
    result = run_module(boot_timing, **options, limit=60)
    assert result["exit_status"] == 1
    assert result["msg"].startswith("gw1: stage running not reached: stage booting, waiting for ext-tailscale")
    assert [node["name"] for node in result["nodes"]] == ["cp1", "gw1"]
    boots.data = copy.deepcopy(GOOD)
    assert run_module(boot_timing, **options, limit=60)["exit_status"] == 0
    assert run_module(boot_timing, **options, limit=13)["exit_status"] == 1


def test_kubernetes_that_does_not_know_a_node(run_module: Any, options: dict[str, Any], boots: World) -> None:
    del boots.data["nodes"]["gw1"]["kubernetes"]["addresses"][0]
    boots.data["nodes"]["gw1"]["kubernetes"]["name"] = "other"
    clock = run_module(boot_timing, **options)["nodes"][1]["kubernetes_ready"]
    assert clock == {"reached": False, "seconds": None, "reason": "Kubernetes does not know the node"}
