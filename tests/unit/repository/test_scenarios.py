# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every scenario tests something: Molecule is green without playbooks, hosts or tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, load_yaml

BASE = ROOT / ".config/molecule/config.yml"
SCENARIOS = sorted(path.parent for path in (ROOT / "molecule").glob("*/molecule.yml"))
STEPS = ["destroy", "syntax", "create", "converge", "idempotence", "verify", "destroy"]
# What a scenario must not take back from the base configuration.
FIXED = {
    "prerun",
    "dependency",
    "driver",
    "verifier.name",
    "verifier.enabled",
    "verifier.options.connection",
    "verifier.options.junitxml",
    "ansible.env.ANSIBLE_COLLECTIONS_PATH",
    "ansible.env.ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED",
}


def flat(value: Any, prefix: str = "") -> set[str]:
    """Return the dotted keys of nested mappings, those of inner mappings included."""
    keys = set()
    for key, inner in value.items() if isinstance(value, dict) else ():
        keys |= {f"{prefix}{key}"} | flat(inner, f"{prefix}{key}.")
    return keys


def hosts(inventory: Any) -> set[str]:
    """Return the names of all hosts in the groups of a YAML inventory."""
    found: set[str] = set()
    for group in (inventory or {}).values():
        if isinstance(group, dict):
            found |= set(group.get("hosts") or {}) | hosts(group.get("children"))
    return found


def scenario_problems(scenario: Path) -> list[str]:
    """Return what is missing from a scenario's directory."""
    problems = [
        f"{step}.yml is missing"
        for step in ("create", "converge", "destroy")
        if not (scenario / f"{step}.yml").is_file()
    ]
    if not any((scenario / "tests").glob("test_*.py")):
        problems.append("tests/ holds no test_*.py: Molecule would say 'no tests found' and be green")
    inventories = [load_yaml(path) for path in (scenario / "inventory").glob("*.yml")]
    if not set().union(*map(hosts, inventories)):
        problems.append("inventory/ holds no host")
    overridden = flat(load_yaml(scenario / "molecule.yml") or {}) & FIXED
    problems += [f"molecule.yml overrides {key} of the base configuration" for key in sorted(overridden)]
    sequence = (load_yaml(scenario / "molecule.yml") or {}).get("scenario", {}).get("test_sequence")
    if sequence is not None and not {"converge", "verify", "destroy"} <= set(sequence):
        problems.append("molecule.yml leaves converge, verify or destroy out of the test sequence")
    return problems


def test_the_scenarios_are_those_that_the_project_promises() -> None:
    assert {path.name for path in SCENARIOS} >= {"default", "compute-only", "mixed-role", "self-test"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_scenario_is_complete(scenario: Path) -> None:
    assert scenario_problems(scenario) == []


def test_an_empty_scenario_is_seen(tmp_path: Path) -> None:
    (tmp_path / "molecule.yml").write_text("---\nprerun: true\nscenario: {test_sequence: [converge]}\n")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text("all: {children: {compute: {}}}\n")
    problems = scenario_problems(tmp_path)
    assert len(problems) == 7
    assert "molecule.yml overrides prerun of the base configuration" in problems
    assert "inventory/ holds no host" in problems


def test_the_base_configuration_keeps_molecule_from_installing_anything() -> None:
    base = load_yaml(BASE)
    assert base["prerun"] is False
    assert base["dependency"]["enabled"] is False
    assert "dependency" not in base["scenario"]["test_sequence"]


def test_the_base_configuration_runs_every_step() -> None:
    base = load_yaml(BASE)
    assert base["scenario"]["test_sequence"] == STEPS
    assert base["verifier"]["name"] == "testinfra"


def test_the_base_configuration_uses_this_checkout_and_refuses_a_wrong_inventory() -> None:
    environment = load_yaml(BASE)["ansible"]["env"]
    assert environment["ANSIBLE_COLLECTIONS_PATH"] == "${MOLECULE_PROJECT_DIRECTORY}/.collections"
    assert yaml.safe_load(environment["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"]) is True


def test_results_survive_the_end_of_a_green_run() -> None:
    assert load_yaml(BASE)["verifier"]["options"]["junitxml"].startswith("${MOLECULE_PROJECT_DIRECTORY}/build/")


def test_no_requirements_file_makes_a_tool_ask_galaxy() -> None:
    found = [path for path in ROOT.glob("**/requirements.yml") if ".venv" not in path.parts]
    assert found == []
