# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is seen of a directory with the files of one image; nothing is judged here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import inspect, parse_name
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import (
    CHECKSUM_FILE,
    MANIFEST_FILE,
    PROFILES_DIRECTORY,
    sha256_of,
)

_LARGEST_TEXT = 1 << 22
_CHECKSUM = re.compile(r"(?P<digest>[0-9a-f]{64}) [ *](?P<path>.+)")


@dataclass(frozen=True)
class AssetTree:
    """A directory as it is.

    :param sums: path below the directory -> SHA-256 of every file but the list of checksums.
    :param listed: the same as the list of checksums has it, None without a list.
    :param unreadable_lines: numbers of the lines of the list that are no checksums.
    :param manifest: content of the manifest, None without one; ``manifest_error`` why it cannot be read.
    :param assets: path -> what was seen of each file that is part of an image.
    :param profiles: path -> text of each imager profile.
    :param links: paths of symbolic links, which are not followed: a copy of the directory would not hold what they
        lead to.
    """

    sums: Mapping[str, str] = field(default_factory=dict)
    listed: Mapping[str, str] | None = None
    unreadable_lines: tuple[int, ...] = ()
    manifest: Mapping[str, Any] | None = None
    manifest_error: str = ""
    assets: Mapping[str, AssetFacts] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()


def read_tree(directory: Path) -> AssetTree:
    """Read a directory; every file is read as a stream.

    :raises OSError: something cannot be read.
    """
    sums, assets, profiles = {}, {}, {}
    paths = sorted(directory.rglob("*"))
    links = tuple(path.relative_to(directory).as_posix() for path in paths if path.is_symlink())
    for path in paths:
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not path.is_file():
            continue
        if name == CHECKSUM_FILE:
            continue
        sums[name] = sha256_of(path)
        if name.startswith(f"{PROFILES_DIRECTORY}/") and name.endswith(".yaml"):
            profiles[name] = _text(path)
        elif parse_name(path.name).kind != "unknown":
            assets[name] = inspect(path)
    listed, unreadable = _checksums(directory / CHECKSUM_FILE)
    manifest, problem = _manifest(directory / MANIFEST_FILE)
    return AssetTree(sums, listed, unreadable, manifest, problem, assets, profiles, links)


def _checksums(path: Path) -> tuple[Mapping[str, str] | None, tuple[int, ...]]:
    try:
        lines = _text(path).splitlines()
    except FileNotFoundError:
        return None, ()
    found: dict[str, str] = {}
    unreadable = []
    for number, line in enumerate(lines, 1):
        match = _CHECKSUM.fullmatch(line)
        if match:
            found[match["path"].removeprefix("./")] = match["digest"]
        elif line.strip():
            unreadable.append(number)
    return found, tuple(unreadable)


def _manifest(path: Path) -> tuple[Mapping[str, Any] | None, str]:
    try:
        data = json.loads(_text(path))
    except FileNotFoundError:
        return None, ""
    except (ValueError, RecursionError):
        return None, "is not JSON"
    if not isinstance(data, dict):
        return None, "is not a mapping"
    for key in ("files", "extensions"):
        listed = data.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            return None, f"has under {key} no list of mappings"
    if not isinstance(data.get("profiles") or {}, dict):
        return None, "has under profiles no mapping"
    return data, ""


def _text(path: Path) -> str:
    """Return the beginning of a small file; what is longer is no manifest, profile or list of checksums of ours."""
    with path.open("rb") as stream:
        return stream.read(_LARGEST_TEXT).decode("utf-8", "replace")
