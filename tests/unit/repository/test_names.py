# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection depends on no other: every module, filter and role is Ansible's own or ours, by its full name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.playbook.block import Block
from ansible.playbook.task import Task

from ansible_collections.homelab.talos.tests.unit.repository.tree import (
    ROOT,
    below,
    load_yaml,
    name,
    task_files,
    tasks,
)

OURS = ("ansible.builtin.", "homelab.talos.")
KEYWORDS = set(Task.fattributes) | set(Block.fattributes) | {"action", "local_action", "with_items", "meta"}
PLUGIN = re.compile(r"(?:\||\bis\b|\blookup\(|\bquery\(|\bq\()\s*(?:not\s+)?['\"]?([a-z_]\w*\.[a-z_]\w*\.[a-z_][\w.]*)")
FIVE_LINES = re.compile(r"^\s*(?:- )?([a-z_]\w*\.[a-z_]\w*\.[a-z_]\w*):", re.MULTILINE)


def strings(value: Any) -> Iterator[str]:
    """Yield every string within nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def foreign_names(document: Any) -> list[str]:
    """Return the modules, roles and plugins of a playbook or task file that are not ours by their full names."""
    found = []
    for task in tasks(document):
        modules = [key for key in task if key not in KEYWORDS and not key.startswith("with_")]
        found += [module for module in modules if not module.startswith(OURS)]
        for module in modules:
            if module.endswith(("include_role", "import_role")):
                role = str(task[module]["name"])
                if not role.startswith(("homelab.talos.", "{{")):
                    found.append(role)
    found += [plugin for text in strings(document) for plugin in PLUGIN.findall(text) if not plugin.startswith(OURS)]
    for play in document if isinstance(document, list) else ():
        for role in play.get("roles") or () if isinstance(play, dict) and "hosts" in play else ():
            role_name = role if isinstance(role, str) else str(role.get("role") or role.get("name"))
            if not role_name.startswith("homelab.talos."):
                found.append(role_name)
    return found


TASK_FILES = sorted(task_files())


def test_there_are_task_files() -> None:
    assert len(TASK_FILES) > 10


@pytest.mark.parametrize("path", TASK_FILES, ids=name)
def test_only_own_and_builtin_names(path: Path) -> None:
    if "import_playbook" in path.read_text():
        plays = [play for play in load_yaml(path) if "ansible.builtin.import_playbook" not in play]
        assert foreign_names(plays) == []
    else:
        assert foreign_names(load_yaml(path)) == []


@pytest.mark.parametrize(
    ("document", "foreign"),
    [
        ([{"name": "A", "command": "true"}], ["command"]),
        (
            [{"hosts": "all", "tasks": [{"block": [{"community.general.ini_file": {}}]}]}],
            ["community.general.ini_file"],
        ),
        ([{"ansible.builtin.debug": {"msg": "{{ x | ansible.utils.ipaddr }}"}}], ["ansible.utils.ipaddr"]),
        ([{"ansible.builtin.include_role": {"name": "lab"}}], ["lab"]),
        ([{"hosts": "all", "roles": ["lab"]}], ["lab"]),
        ([{"homelab.talos.node_info": {}, "when": "x is not ansible.builtin.failed"}], []),
    ],
)
def test_a_foreign_name_is_seen(document: Any, foreign: list[str]) -> None:
    assert foreign_names(document) == foreign


def test_the_documentation_uses_full_names_of_ours() -> None:
    for path in [ROOT / "README.md", *below("docs", "roles", suffix=".md")]:
        for found in FIVE_LINES.findall(path.read_text()):
            assert found.startswith(OURS), f"{name(path)}: {found}"


def test_galaxy_has_nothing_to_fetch() -> None:
    assert load_yaml(ROOT / "galaxy.yml")["dependencies"] == {}


def test_roles_have_no_dependencies() -> None:
    """Those would run before the arguments of the role are validated."""
    for path in (ROOT / "roles").glob("*/meta/main.yml"):
        assert not load_yaml(path).get("dependencies"), name(path)
