# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running lab is broken on purpose, one defect at a time: exactly the named verifiers and health checks fail."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.planted import asking
from ansible_collections.homelab.talos.tests.planted.checks import ROOT, catalogue_problems
from ansible_collections.homelab.talos.tests.planted.saboteur import Saboteur

DEFECTS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "tests/planted/lab.yml").read_text(encoding="utf-8"))
# Until a defect shows, and until a mended lab is whole again.
LIMIT_SECONDS = 60.0
MENDING_SECONDS = 180.0


@pytest.fixture(scope="module")
def inventory(pytestconfig: pytest.Config) -> str:
    """The inventory of the scenario."""
    return str(Path(pytestconfig.getoption("ansible_inventory")).resolve())


@pytest.fixture
def saboteur(lab: Any, expected: Any) -> Saboteur:
    """Who breaks and mends."""
    return Saboteur(lab, expected, Path(os.environ["TALOSCONFIG"]).parent)


@pytest.fixture(params=sorted(DEFECTS))
def defect(request: pytest.FixtureRequest, saboteur: Saboteur, inventory: str, tmp_path: Path) -> Iterator[Any]:
    """A lab with the defect; afterwards a lab of which nobody has anything to say."""
    chosen = DEFECTS[request.param]
    try:
        saboteur.take(chosen["break"])
    except Exception:
        with contextlib.suppress(Exception):
            saboteur.take(chosen["mend"])
        raise
    yield chosen
    saboteur.take(chosen["mend"])
    # What a leftover does to the verifiers shows at the next defect: exactly the named ones may fail there.
    health = asking.until_equal(
        set(), lambda: asking.failing_health(inventory, tmp_path / "mended.json"), MENDING_SECONDS
    )
    assert health == set(), "the lab is not whole again"


@pytest.mark.layer("L1")
def test_every_node_answers(host: Any) -> None:
    assert host.talos.stage == "running"


@pytest.mark.layer("L4")
def test_the_lab_is_whole_before_it_is_broken(inventory: str, tmp_path: Path) -> None:
    assert asking.failing_verifiers(inventory, tmp_path / "junit.xml") == set()
    assert asking.failing_health(inventory, tmp_path / "report.json") == set()


@pytest.mark.layer("L4")
def test_exactly_the_named_checks_fail(defect: Any, inventory: str, tmp_path: Path) -> None:
    wanted = set(defect["health"])
    health = asking.until_equal(
        wanted, lambda: asking.failing_health(inventory, tmp_path / "report.json"), LIMIT_SECONDS
    )
    assert health == wanted
    # What a node that has just booted still finds out (KubePrism asks every 20 s) passes; a defect stays.
    verifiers = set(defect["verifiers"])
    failing = asking.until_equal(
        verifiers, lambda: asking.failing_verifiers(inventory, tmp_path / "junit.xml"), LIMIT_SECONDS
    )
    assert failing == verifiers


@pytest.mark.layer("L4")
def test_the_lab_is_whole_after_it_was_mended(inventory: str, tmp_path: Path) -> None:
    assert asking.failing_verifiers(inventory, tmp_path / "junit.xml") == set()


@pytest.mark.layer("L1")
def test_every_verifier_and_check_of_a_defect_exists() -> None:
    from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import CHECK_IDS
    from ansible_collections.homelab.talos.tests.planted.checks import verifier_ids

    named = {verifier for each in DEFECTS.values() for verifier in each["verifiers"]}
    checks = {check for each in DEFECTS.values() for check in each["health"]}
    assert catalogue_problems(set(), named - verifier_ids()) == []
    assert catalogue_problems(set(), checks - set(CHECK_IDS)) == []
