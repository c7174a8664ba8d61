# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the routes: it passes when they are in order, and alone fails on its defect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.checks import CHECK_IDS, judge
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.observation import (
    ExpectedGateway,
    RoutingObservation,
    Tried,
)
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "routing.yml").read_text(encoding="utf-8"))
GOOD: dict[str, Any] = yaml.safe_load((HERE / "routing_observation.yml").read_text(encoding="utf-8"))


def _frozen(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}


def results(defect: Mapping[str, Any]) -> list[CheckResult]:
    """Return the results of all checks on good routes with one defect."""
    data = changed(GOOD, defect)
    return judge(
        RoutingObservation(
            tuple(ExpectedGateway(**_frozen(each)) for each in data["gateways"]),
            tuple(Device(**_frozen(each)) for each in data["devices"]),
            tried=tuple(Tried(**each) for each in data["tried"]),
        )
    )


def test_every_check_passes_when_the_routes_are_in_order() -> None:
    assert {result.id: result.status for result in results({})} == dict.fromkeys(CHECK_IDS, "ok")


@pytest.mark.parametrize("check", sorted(DEFECTS))
def test_exactly_the_check_of_the_defect_fails(check: str) -> None:
    assert {result.id for result in results(DEFECTS[check]) if result.status != "ok"} == {check}


def test_every_check_has_a_defect() -> None:
    assert catalogue_problems(set(CHECK_IDS), set(DEFECTS)) == []
