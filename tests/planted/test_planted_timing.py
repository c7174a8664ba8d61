# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finding about the boot of a node: none about a good boot, exactly one for its defect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.clocks import CLOCKS, BootTiming
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.from_readings import boot_timing
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.judgement import judge
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "timing.yml").read_text(encoding="utf-8"))
# Through JSON, because anchors make nodes share parts, and a change must hit one node only.
GOOD: dict[str, Any] = json.loads(json.dumps(yaml.safe_load((HERE / "boots.yml").read_text(encoding="utf-8"))))
PLANTED = [(finding, name) for finding, defects in DEFECTS.items() for name in defects]


def timings(change: Mapping[str, Any]) -> list[BootTiming]:
    """Return the boots of plain data with a change."""
    nodes = changed(GOOD, change)["nodes"]
    return [
        boot_timing(ExpectedNode(name, **node["expected"]), node["reading"], node["kubernetes"])
        for name, node in nodes.items()
    ]


def found(change: Mapping[str, Any]) -> list[Finding]:
    """Return the findings about the boots with a change."""
    return judge(timings(change), GOOD["limit"])


def test_nothing_is_said_about_good_boots() -> None:
    assert found({}) == []


@pytest.mark.parametrize(("finding", "name"), PLANTED)
def test_exactly_the_finding_of_the_defect_is_reported(finding: str, name: str) -> None:
    assert [(each.id, each.host) for each in found(DEFECTS[finding][name])] == [(finding, "gw1")]


@pytest.mark.parametrize("name", ["unconfigured extension", "stopped before it ran"])
def test_one_clock_stands_still_while_the_others_go_on(name: str) -> None:
    clocks = timings(DEFECTS["timing.stage-running"][name])[1].clocks or {}
    assert {clock: reading.reached for clock, reading in clocks.items()} == {
        "kubernetes_ready": True,
        "machine_ready": True,
        "stage_running": False,
    }


def test_the_awaited_service_and_what_to_do_are_named() -> None:
    (finding,) = found(DEFECTS["timing.stage-running"]["unconfigured extension"])
    assert finding.message == (
        "stage running not reached: stage booting, waiting for ext-tailscale (waiting for extension service config)"
    )
    assert (finding.path, finding.fix) == (
        "ext-tailscale",
        "apply an ExtensionServiceConfig named tailscale; the boot then goes on without a reboot",
    )


def test_every_finding_has_a_defect() -> None:
    ids = {"timing.unreachable", *(f"timing.{clock.replace('_', '-')}" for clock in CLOCKS)}
    assert catalogue_problems(ids, set(DEFECTS)) == []
