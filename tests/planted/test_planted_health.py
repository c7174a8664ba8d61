# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every health check: it passes on a healthy cluster, and alone fails on its defect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import CHECK_IDS
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.evaluation import evaluate
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.from_readings import (
    kubernetes_observation,
    node_observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ExpectedNode,
    Observation,
    PairTraffic,
)
from ansible_collections.homelab.talos.tests.planted.changes import changed
from ansible_collections.homelab.talos.tests.planted.checks import catalogue_problems

pytestmark = pytest.mark.layer("L1")

HERE = Path(__file__).parent
DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "health.yml").read_text(encoding="utf-8"))
HEALTHY: dict[str, Any] = yaml.safe_load((HERE / "observation.yml").read_text(encoding="utf-8"))


def observed(data: Mapping[str, Any]) -> Observation:
    """Return plain data as the observation that the checks judge."""
    nodes = []
    for name, node in data["nodes"].items():
        wanted: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in node["expected"].items()
        }
        nodes.append(node_observation(ExpectedNode(name, **wanted), node["reading"]))
    planes = tuple(node.expected.address for node in nodes if node.expected.is_controlplane)
    pairs = tuple(PairTraffic(**pair) for pair in data["pairs"])
    return Observation(tuple(nodes), planes, kubernetes_observation(data["kubernetes"]), pairs)


def results(defect: Mapping[str, Any]) -> list[CheckResult]:
    """Return the results of all checks on the healthy cluster with one defect."""
    return evaluate(observed(changed(HEALTHY, defect)))


def test_every_check_passes_on_a_healthy_cluster() -> None:
    assert {result.id: result.status for result in results({})} == dict.fromkeys(CHECK_IDS, "ok")


@pytest.mark.parametrize("check", sorted(DEFECTS))
def test_exactly_the_check_of_the_defect_fails(check: str) -> None:
    found = {result.id for result in results(DEFECTS[check]) if result.status == "failed"}
    assert found == {check}


@pytest.mark.parametrize("check", sorted(DEFECTS))
def test_what_is_not_blocked_by_the_defect_still_passes(check: str) -> None:
    statuses = {result.status for result in results(DEFECTS[check]) if result.id != check}
    assert statuses <= {"ok", "blocked"}


def test_every_check_has_a_defect() -> None:
    assert catalogue_problems(set(CHECK_IDS), set(DEFECTS)) == []
