# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of /system/state, which Talos mounts and the lab keeps beside the node."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ansible_collections.homelab.talos.lab.machined.file_entry import Entry, entry_of
from ansible_collections.homelab.talos.lab.machined.node import Node

MOUNT = PurePosixPath("/system/state")


def place_of(node: Node, path: str) -> Path | None:
    """Return where a path below /system/state is kept, None for any other path."""
    pure = PurePosixPath(path)
    if pure != MOUNT and MOUNT not in pure.parents or ".." in pure.parts:
        return None
    return node.partitions.state / pure.relative_to(MOUNT)


def entries(place: Path, root: str, depth: int) -> Iterator[Entry]:
    """Yield *place*, which the node calls *root*, and what is below it, *depth* levels deep (-1: all)."""
    is_directory = place.is_dir() and not place.is_symlink()
    yield _entry(place, root, "." if is_directory else place.name)
    if not is_directory:
        return
    for folder, folders, files in os.walk(place):
        level = len(Path(folder).relative_to(place).parts)
        for name in sorted([*folders, *files]):
            relative = (Path(folder) / name).relative_to(place)
            yield _entry(Path(folder) / name, f"{root.rstrip('/')}/{relative}", str(relative))
        if 0 <= depth <= level + 1:
            folders.clear()


def archive(place: Path) -> bytes:
    """Return a tar.gz of a file, or of what is in a directory."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for each in sorted(place.iterdir()) if place.is_dir() else [place]:
            tar.add(each, each.name)
    return content.getvalue()


def _entry(place: Path, path: str, relative: str) -> Entry:
    found = place.lstat()
    link = os.readlink(place) if place.is_symlink() else ""
    return entry_of(path, relative, found, link)
