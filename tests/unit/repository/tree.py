# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the files of this checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
LINKS = {".collections/ansible_collections/homelab/talos": "../../..", "homelab": "inventories/homelab"}
NAMESPACE = "ansible_collections.homelab.talos"


class Loader(yaml.SafeLoader):
    """Reads Ansible's YAML: tags such as !vault and !unsafe become their plain values."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


Loader.add_multi_constructor("!", _plain)


def load_yaml(path: Path) -> Any:
    """Return the (first) document of a YAML file."""
    return yaml.load(path.read_text(), Loader)


@cache
def files() -> tuple[Path, ...]:
    """Return the files that belong to the repository: committed or new, not ignored; links to directories left out."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    paths = (ROOT / name for name in sorted(set(listing.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def below(*directories: str, suffix: str = "") -> Iterator[Path]:
    """Yield the repository's files below directories of the root, those with a suffix if one is given."""
    for path in files():
        if path.relative_to(ROOT).parts[0] in directories and path.name.endswith(suffix):
            yield path


def name(path: Path) -> str:
    """Return a path relative to the root, for messages and test ids."""
    return os.path.relpath(path, ROOT)


def tasks(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every task of a playbook, a play or a task file, those of nested blocks and handlers included."""
    if isinstance(document, list):
        for entry in document:
            yield from tasks(entry)
    elif isinstance(document, dict):
        children = [
            document[key]
            for key in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always")
            if isinstance(document.get(key), list)
        ]
        for child in children:
            yield from tasks(child)
        if not children and "hosts" not in document:
            yield document


def task_files() -> Iterator[Path]:
    """Yield the files that hold plays or tasks."""
    for path in below("roles", "playbooks", "molecule", "tests", suffix=".yml"):
        parts = path.relative_to(ROOT).parts
        if parts[0] == "roles" and parts[2] not in ("tasks", "handlers"):
            continue
        if parts[0] == "molecule" and ("inventory" in parts or "group_vars" in parts or path.name == "molecule.yml"):
            continue
        if parts[0] == "tests" and "targets" not in parts and "playbooks" not in parts:
            continue
        if isinstance(load_yaml(path), list):
            yield path
