# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of a node, seen from inside its namespaces.

Paths of partitions that Talos mounts and the lab does not (/system/state) are answered from the
node's directory.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ansible_collections.homelab.talos.lab.machined.node import Node

STATE_MOUNT = PurePosixPath("/system/state")
BOOT_ID = "/proc/sys/kernel/random/boot_id"
READ_SECONDS = 30.0
_MISSING, _NO_FILE = 44, 45
_READ = f'[ -e "$1" ] || exit {_MISSING}; [ -f "$1" ] || exit {_NO_FILE}; exec cat -- "$1"'
_FIELDS = r"%p\0%P\0%s\0%m\0%T@\0%y\0%l\0%U\0%G\0"
# Go's file mode bits (io/fs.FileMode) for the kinds find(1) knows.
_KINDS = {
    "d": 1 << 31,
    "l": 1 << 27,
    "b": 1 << 26,
    "p": 1 << 25,
    "s": 1 << 24,
    "c": 1 << 26 | 1 << 21,
}
_SPECIAL = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


class FileError(Exception):
    """A path cannot be read; ``missing`` tells whether it does not exist."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


@dataclass(frozen=True)
class Entry:
    """A file as the API lists it; ``mode`` in Go's encoding, ``modified`` in seconds since the epoch."""

    path: str
    relative: str
    size: int
    mode: int
    modified: int
    kind: str
    link: str
    uid: int
    gid: int


def _state_path(node: Node, path: str) -> Path | None:
    """Return where a path below /system/state really is, None for any other path."""
    pure = PurePosixPath(path)
    if pure != STATE_MOUNT and STATE_MOUNT not in pure.parents or ".." in pure.parts:
        return None
    return node.partitions.state / pure.relative_to(STATE_MOUNT)


async def read_file(node: Node, path: str) -> bytes:
    """Return the bytes of a regular file; raises :class:`FileError`."""
    if path == BOOT_ID:
        return f"{node.runtime.boot_id}\n".encode()
    kept = _state_path(node, path)
    if kept is not None:
        if not kept.exists():
            raise FileError(f"stat {path}: no such file or directory", missing=True)
        if not kept.is_file():
            raise FileError("path must be a regular file")
        return kept.read_bytes()
    status, output, errors = await node.runtime.run(["sh", "-c", _READ, "read", path], timeout=READ_SECONDS)
    if status == _MISSING:
        raise FileError(f"stat {path}: no such file or directory", missing=True)
    if status == _NO_FILE:
        raise FileError("path must be a regular file")
    if status != 0:
        raise FileError(_line(errors) or f"read {path}: exit code {status}")
    return output


async def list_files(node: Node, root: str, depth: int) -> list[Entry]:
    """Return *root* and what is below it, *depth* levels deep (-1: all); raises :class:`FileError`."""
    limit = [] if depth < 0 else ["-maxdepth", str(depth)]
    kept = _state_path(node, root)
    start = root if kept is None else str(kept)
    argv = ["find", start, *limit, "-printf", _FIELDS]
    status, output, errors = await node.runtime.run(argv, timeout=READ_SECONDS)
    if status != 0 and not output:
        raise FileError(_line(errors) or f"lstat {root}: no such file or directory", missing=True)
    texts = output.decode(errors="replace").split("\0")[:-1]
    rows = [texts[start : start + 9] for start in range(0, len(texts) - 8, 9)]
    return [_entry(row) for row in rows]


def _entry(row: list[str]) -> Entry:
    path, relative, size, permissions, modified, kind, link, uid, gid = row
    bits = int(permissions, 8)
    mode = bits & 0o777 | _KINDS.get(kind, 0)
    for bit, go in _SPECIAL:
        mode |= go if bits & bit else 0
    name = relative or ("." if kind == "d" else PurePosixPath(path).name)
    return Entry(path, name, int(size), mode, int(float(modified)), kind, link, int(uid), int(gid))


async def archive(node: Node, path: str) -> bytes:
    """Return a tar.gz of a file or directory tree; raises :class:`FileError`."""
    pure = PurePosixPath(path)
    script = f'[ -e "$1" ] || exit {_MISSING}; if [ -d "$1" ]; then exec tar -czf - -C "$1" .; fi; '
    script += 'exec tar -czf - -C "$2" -- "$3"'
    argv = ["sh", "-c", script, "copy", path, str(pure.parent), pure.name]
    status, output, errors = await node.runtime.run(argv, timeout=READ_SECONDS)
    if status == _MISSING:
        raise FileError(f"lstat {path}: no such file or directory", missing=True)
    if status not in (0, 1):  # 1: a file changed while it was read
        raise FileError(_line(errors) or f"tar: exit code {status}")
    return output


def _line(text: bytes) -> str:
    return text.decode(errors="replace").strip().replace("\n", "; ")
