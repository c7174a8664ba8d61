# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles say which variables they take, in one way at three places."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, load_yaml

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()) if (ROOT / "roles").is_dir() else []


def role_problems(role: Path) -> list[str]:
    """Return what is missing from a role or does not agree between its defaults, its specification and its README."""
    required = ("README.md", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml")
    problems = [f"{file} is missing" for file in required if not (role / file).is_file()]
    if problems:
        return problems
    specification: dict[str, Any] = load_yaml(role / "meta/argument_specs.yml")["argument_specs"]
    options: dict[str, Any] = {}
    for entry in specification.values():
        options |= entry.get("options") or {}
    defaults = (load_yaml(role / "defaults/main.yml") or {}) if (role / "defaults/main.yml").is_file() else {}
    readme = (role / "README.md").read_text()

    for name in sorted(set(defaults) - set(options)):
        problems.append(f"{name} has a default and is not in argument_specs")
    for name, option in sorted(options.items()):
        if name.startswith("_"):
            problems.append(f"{name} is private and in argument_specs")
        if option.get("required") and name in defaults:
            problems.append(f"{name} is required and has a default")
        if not option.get("required") and "default" in option and name not in defaults:
            problems.append(f"{name} has a default in argument_specs and none in defaults")
        specified = option.get("default", defaults.get(name))
        if name in defaults and "{{" not in str(defaults[name]) and defaults[name] != specified:
            problems.append(f"{name} has the default {defaults[name]!r} and {specified!r} in argument_specs")
        if not re.search(rf"\b{name}\b", readme):
            problems.append(f"{name} is not in the README")
    return problems


def test_the_roles_are_those_that_the_project_promises() -> None:
    assert {role.name for role in ROLES} >= {"lab", "node_config", "cluster", "validate"}


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_role_is_specified_and_described(role: Path) -> None:
    assert role_problems(role) == []


def test_an_unspecified_role_is_seen(tmp_path: Path) -> None:
    assert "README.md is missing" in role_problems(tmp_path)


def test_disagreement_is_seen(tmp_path: Path) -> None:
    for file, text in {
        "README.md": "nothing",
        "meta/main.yml": "---\n",
        "tasks/main.yml": "---\n",
        "defaults/main.yml": "one: 1\nundocumented: 2\n",
        "meta/argument_specs.yml": (
            "argument_specs: {main: {options: {one: {type: int, default: 2}, _two: {type: int, required: true}}}}"
        ),
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    assert role_problems(tmp_path) == [
        "undocumented has a default and is not in argument_specs",
        "_two is private and in argument_specs",
        "_two is not in the README",
        "one has the default 1 and 2 in argument_specs",
        "one is not in the README",
    ]
