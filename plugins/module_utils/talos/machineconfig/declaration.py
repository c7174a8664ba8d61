# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a variable of an inventory is written: file and line, for messages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

_SUFFIXES = (".yml", ".yaml")


def find_declarations(places: Iterable[Path], variable: str) -> dict[str, str]:
    """Return key -> ``file:line`` for the keys of a variable that is a mapping; the last file wins.

    Files that are no plain YAML (encrypted ones, for example) are passed over: this is for messages only.

    :param places: files, or directories of an inventory.
    """
    found: dict[str, str] = {}
    for path in _files(places):
        try:
            documents = yaml_text.load_all_with_lines(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError, yaml_text.YamlError):
            continue
        for _content, lines in documents:
            for keys, line in lines.items():
                if len(keys) > 1 and keys[-2] == variable:
                    found[keys[-1]] = f"{path}:{line}"
    return found


def _files(places: Iterable[Path]) -> Iterable[Path]:
    for place in places:
        if place.is_dir():
            directories = (place, place / "group_vars", place / "group_vars/all", place / "host_vars")
            for directory in directories:
                if directory.is_dir():
                    yield from (path for path in sorted(directory.iterdir()) if path.suffix in _SUFFIXES)
        elif place.suffix in _SUFFIXES and place.is_file():
            yield place
            yield from _files([place.parent / "group_vars"] if (place.parent / "group_vars").is_dir() else [])
