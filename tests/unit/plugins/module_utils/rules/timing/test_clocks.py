# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three clocks of a boot, from what was read of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.report.boot_timing import timing_lines
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.clocks import BootTiming
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.from_readings import boot_timing

NODE = ExpectedNode("w1", "198.18.9.21")
START = 1795000000  # 2026-11-18T11:06:40Z
READING: dict[str, Any] = {
    "boot_id": "b1",
    "boot_time": START,
    "stage": "running",
    "ready": True,
    "unmet_conditions": [],
    "kubernetes": {"ready": True},
    "services": [],
    "history": [
        {"time": START, "stage": "booting", "ready": False},
        {"time": START + 9, "stage": "booting", "ready": True},
        {"time": START + 10, "stage": "booting", "ready": False},
        {"time": START + 11, "stage": "booting", "ready": True},
        {"time": START + 13, "stage": "running", "ready": True},
    ],
}
READY = {"ready": True, "ready_since": "2026-11-18T11:06:48Z", "reason": ""}


def timing(*asked: dict[str, Any] | None, **changes: Any) -> BootTiming:
    """Return the clocks of a boot with changes; *asked* is what Kubernetes said, by default that the node is ready."""
    return boot_timing(NODE, copy.deepcopy(READING) | changes, asked[0] if asked else READY)


def shown(boot: BootTiming) -> dict[str, str]:
    """Return each clock in words."""
    return {name: str(reading) for name, reading in (boot.clocks or {}).items()}


def test_each_clock_shows_when_its_condition_held_first() -> None:
    assert shown(timing()) == {"kubernetes_ready": "8 s", "machine_ready": "9 s", "stage_running": "13 s"}
    assert timing().settled


def test_time_in_maintenance_mode_does_not_count() -> None:
    waited = [
        {"time": START + 1, "stage": "maintenance", "ready": True},
        {"time": START + 600, "stage": "booting", "ready": False},
        {"time": START + 607, "stage": "booting", "ready": True},
        {"time": START + 609, "stage": "running", "ready": True},
    ]
    boot = timing(READY | {"ready_since": "2026-11-18T11:16:46Z"}, history=waited)
    assert boot.started == START + 600
    assert shown(boot) == {"kubernetes_ready": "6 s", "machine_ready": "7 s", "stage_running": "9 s"}


def test_stamps_from_before_a_machine_knew_the_time_are_left_out() -> None:
    early = [{"time": 12, "stage": "maintenance", "ready": True}, {"time": 15, "stage": "booting", "ready": True}]
    boot = timing(history=[*early, *READING["history"]])
    assert (boot.started, shown(boot)["machine_ready"]) == (START, "9 s")


def test_what_a_node_has_forgotten_is_not_made_up() -> None:
    boot = timing(history=[])
    assert shown(boot)["stage_running"] == ("reached, when is not known: the node no longer has the events of its boot")
    assert boot.settled


def test_ready_since_an_earlier_boot_is_no_time_of_this_one() -> None:
    boot = timing(READY | {"ready_since": "2026-11-18T11:00:00Z"})
    assert shown(boot)["kubernetes_ready"] == "reached, when is not known: Ready since before this boot"


@pytest.mark.parametrize(("ready", "reached"), [(True, True), (False, False), (None, False)])
def test_the_node_itself_speaks_when_kubernetes_is_not_asked(ready: bool | None, reached: bool) -> None:
    clocks = timing(None, kubernetes={"ready": ready}).clocks or {}
    assert (clocks["kubernetes_ready"].reached, clocks["kubernetes_ready"].seconds) == (reached, None)


def test_readiness_in_other_stages_is_none() -> None:
    """Talos calls a machine ready in every stage that it does not judge."""
    boot = timing(stage="maintenance", history=[{"time": START, "stage": "maintenance", "ready": True}])
    assert shown(boot)["machine_ready"] == "not reached: stage maintenance"
    assert not boot.settled


def waiting(message: str, state: str = "Waiting") -> list[dict[str, Any]]:
    event = {"state": state, "message": message}
    return [{"id": "ext-tailscale", "state": state, "healthy": None, "message": "", "events": [event]}]


def test_only_what_an_operator_has_to_give_ends_the_wait() -> None:
    booting = {"stage": "booting", "history": READING["history"][:4]}
    held_up = timing(services=waiting("Waiting for extension service config"), **booting)
    on_its_way = timing(services=waiting('Waiting for service "cri" to be "up", extension service config'), **booting)
    assert (held_up.settled, on_its_way.settled) == (True, False)
    unready = timing(services=waiting("Waiting for extension service config"), **booting, ready=False)
    assert not unready.settled


def test_the_table_keeps_the_three_apart_and_says_why() -> None:
    booting = {"stage": "booting", "history": READING["history"][:4]}
    boot = timing(services=waiting("Waiting for extension service config"), **booting)
    silent = boot_timing(ExpectedNode("w2", "198.18.9.22"), {"error": "no answer"}, None)
    assert timing_lines([boot.to_dict(), silent.to_dict()]) == [
        "NODE  TYPE    ROLE     KUBERNETES READY  MACHINE READY  STAGE RUNNING",
        "w1    worker  compute  8 s               9 s            not reached",
        "w2    worker  compute  ?                 ?              ?",
        "w1: stage booting, waiting for ext-tailscale (waiting for extension service config)",
        "w1: ext-tailscale: apply an ExtensionServiceConfig named tailscale; the boot then goes on without a reboot",
        "w2: cannot be asked: no answer",
    ]
