# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file as the machine API lists it, with the mode bits of Go.

Source: golang/go:src/io/fs/fs.go (FileMode).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

_TYPES = {
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
}
_SPECIAL = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))
DIRECTORY, REGULAR, SYMLINK = "directory", "regular", "symlink"
_WORDS = {stat.S_IFDIR: DIRECTORY, stat.S_IFREG: REGULAR, stat.S_IFLNK: SYMLINK}


@dataclass(frozen=True)
class Entry:
    """One file; ``mode`` in Go's encoding, ``modified`` in seconds since the epoch.

    ``kind`` is one of the words of this module, empty for everything else.
    """

    path: str
    relative: str
    size: int
    mode: int
    modified: int
    kind: str
    link: str
    uid: int
    gid: int


def go_mode(mode: int) -> int:
    """Return Go's FileMode of a mode of the kernel (stat(2))."""
    special = sum(go for bit, go in _SPECIAL if mode & bit)
    return mode & 0o777 | _TYPES.get(stat.S_IFMT(mode), 0) | special


def kind_of(mode: int) -> str:
    """Return the word for the type in a mode of the kernel."""
    return _WORDS.get(stat.S_IFMT(mode), "")


def entry_of(path: str, relative: str, found: os.stat_result, link: str) -> Entry:
    """Return the entry of a file of this machine that has a name of its own in the node."""
    mode = found.st_mode
    modified = int(found.st_mtime)
    return Entry(
        path, relative, found.st_size, go_mode(mode), modified, kind_of(mode), link, found.st_uid, found.st_gid
    )
