# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible knows of the modules, and what the modules say of themselves."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, load_yaml

MODULES = sorted((ROOT / "plugins/modules").glob("[!_]*.py"))
RUNTIME = load_yaml(ROOT / "meta/runtime.yml")
GROUP_FRAGMENT = "homelab.talos.attributes.actiongroup_talos"


def documentation(path: Path, variable: str = "DOCUMENTATION") -> Any:
    """Return a documentation variable of a module, read without importing it."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == variable for t in node.targets):
            return yaml.safe_load(ast.literal_eval(node.value))
    return None


def group_problems(modules: set[str], group: list[str]) -> list[str]:
    """Return the differences between the modules that exist and those of an action group."""
    problems = [f"{module} is not in the action group talos of meta/runtime.yml" for module in modules - set(group)]
    problems += [f"meta/runtime.yml names {module}, which does not exist" for module in set(group) - modules]
    if group != sorted(group):
        problems.append("the action group is not sorted")
    return problems


def in_group(path: Path) -> bool:
    """Return whether a module says of itself that it is in the action group."""
    return GROUP_FRAGMENT in documentation(path).get("extends_documentation_fragment", [])


def test_the_action_group_holds_every_module_that_says_so() -> None:
    """Connection options are given once, for the group."""
    modules = {path.stem for path in MODULES if in_group(path)}
    assert group_problems(modules, RUNTIME["action_groups"]["talos"]) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_exactly_the_modules_of_the_group_accept_its_options(path: Path) -> None:
    """The group's defaults would be unknown arguments elsewhere; in the group they are always accepted."""
    fragments = documentation(path).get("extends_documentation_fragment", [])
    assert any(fragment.startswith("homelab.talos.connection") for fragment in fragments) == in_group(path)


def test_a_module_outside_the_group_is_seen() -> None:
    assert len(group_problems({"reboot", "reset"}, ["reset", "bootstrap"])) == 3


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_is_documented(path: Path) -> None:
    text = documentation(path)
    assert text["module"] == path.stem
    assert documentation(path, "EXAMPLES"), "no examples"
    assert documentation(path, "RETURN"), "no return values"
    fragments = text.get("extends_documentation_fragment", [])
    assert any(fragment.startswith("homelab.talos.attributes") for fragment in fragments), "check_mode, diff_mode"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_examples_are_whole_tasks_with_full_names(path: Path) -> None:
    used = set()
    for task in documentation(path, "EXAMPLES"):
        assert task["name"][0].isupper(), task
        used |= {key for key in task if "." in key}
    assert f"homelab.talos.{path.stem}" in used
    assert all(key.startswith(("ansible.builtin.", "homelab.talos.")) for key in used)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_has_unit_tests(path: Path) -> None:
    directory = ROOT / "tests/unit/plugins/modules"
    assert any(directory.glob(f"test_{path.stem}*.py")), f"no test_{path.stem}*.py in tests/unit/plugins/modules"


def test_the_runtime_needs_the_version_that_is_documented() -> None:
    assert RUNTIME["requires_ansible"] == ">=2.18.0"
    assert "2.18" in (ROOT / "README.md").read_text()
