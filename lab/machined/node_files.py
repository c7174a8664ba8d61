# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of a node, seen from inside its namespaces, as streams."""

from __future__ import annotations

import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import PurePosixPath

from ansible_collections.homelab.talos.lab.machined import kept_files
from ansible_collections.homelab.talos.lab.machined.file_entry import Entry, go_mode, kind_of
from ansible_collections.homelab.talos.lab.machined.interfaces import CommandFailed
from ansible_collections.homelab.talos.lab.machined.node import Node

BOOT_ID = "/proc/sys/kernel/random/boot_id"
NO_FILE = "path must be a regular file"
_MISSING, _NO_FILE = 44, 45
# Each script ends by becoming the program, so that killing the process kills the program.
_READ = f'[ -e "$1" ] || exit {_MISSING}; [ -f "$1" ] || exit {_NO_FILE}; exec cat -- "$1"'
# A symbolic link is followed when it is the root itself, and nowhere below.
_LIST = f"""
[ -e "$1" ] || [ -L "$1" ] || exit {_MISSING}
root=$(readlink -f -- "$1") && shift && exec find "$root" "$@" 2>/dev/null
"""
_ARCHIVE = f"""
[ -e "$1" ] || exit {_MISSING}
[ -d "$1" ] || exec tar -czf - -C "$2" -- "$3"
cd "$1" && find . -mindepth 1 -printf '%P\\0' | tar -czf - --null --no-recursion --verbatim-files-from -T -
"""
# find: something could not be entered or disappeared; tar: a file changed while it was read.
_PARTLY = 1
_FIELDS = ("%p", "%P", "%s", "%m", "%T@", "%y", "%l", "%U", "%G")
_FORMAT = "".join(rf"{field}\0" for field in _FIELDS)
_TYPES = {
    "f": stat.S_IFREG,
    "d": stat.S_IFDIR,
    "l": stat.S_IFLNK,
    "b": stat.S_IFBLK,
    "p": stat.S_IFIFO,
    "s": stat.S_IFSOCK,
    "c": stat.S_IFCHR,
}


class FileError(Exception):
    """A path cannot be read; ``missing`` tells whether it does not exist."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


def _failed(verb: str, path: str, failure: CommandFailed) -> FileError:
    """Return what Go says about a path."""
    if failure.status == _MISSING:
        return FileError(f"{verb} {path}: no such file or directory", missing=True)
    return FileError(NO_FILE if failure.status == _NO_FILE else f"{verb} {path}: {failure}")


async def read_file(node: Node, path: str) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a regular file; raises :class:`FileError`."""
    if path == BOOT_ID:
        yield f"{node.runtime.boot_id}\n".encode()
        return
    kept = kept_files.place_of(node, path)
    if kept is not None:
        if not kept.exists():
            raise FileError(f"stat {path}: no such file or directory", missing=True)
        if not kept.is_file():
            raise FileError(NO_FILE)
        yield kept.read_bytes()
        return
    try:
        async with aclosing(node.runtime.stream(["sh", "-c", _READ, "read", path])) as pieces:
            async for piece in pieces:
                yield piece
    except CommandFailed as failure:
        raise _failed("stat", path, failure) from None


async def list_files(node: Node, root: str, depth: int) -> AsyncGenerator[Entry, None]:
    """Yield *root* and what is below it, *depth* levels deep (-1: all); raises :class:`FileError`."""
    kept = kept_files.place_of(node, root)
    if kept is not None:
        if not kept.exists():
            raise FileError(f"lstat {root}: no such file or directory", missing=True)
        for entry in kept_files.entries(kept, root, depth):
            yield entry
        return
    limit = [] if depth < 0 else ["-maxdepth", str(depth)]
    argv = ["sh", "-c", _LIST, "list", root, *limit, "-printf", _FORMAT]
    try:
        async with aclosing(_rows(node, argv)) as rows:
            async for row in rows:
                yield _entry(row)
    except CommandFailed as failure:
        if failure.status != _PARTLY:
            raise _failed("lstat", root, failure) from None


async def _rows(node: Node, argv: list[str]) -> AsyncGenerator[list[str], None]:
    """Yield the fields of one file after the other; a piece of output may end anywhere."""
    fields: list[bytes] = []
    rest = b""
    async with aclosing(node.runtime.stream(argv)) as pieces:
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\0")
            fields += whole
            while len(fields) >= len(_FIELDS):
                yield [field.decode(errors="replace") for field in fields[: len(_FIELDS)]]
                del fields[: len(_FIELDS)]


def _entry(row: list[str]) -> Entry:
    path, relative, size, permissions, modified, letter, link, uid, gid = row
    mode = int(permissions, 8) | _TYPES.get(letter, 0)
    name = relative or ("." if letter == "d" else PurePosixPath(path).name)
    seconds = int(float(modified))
    return Entry(path, name, int(size), go_mode(mode), seconds, kind_of(mode), link, int(uid), int(gid))


async def archive(node: Node, path: str) -> AsyncGenerator[bytes, None]:
    """Yield a tar.gz of a file, or of what is in a directory (Talos leaves the root out); raises :class:`FileError`."""
    kept = kept_files.place_of(node, path)
    if kept is not None:
        if not kept.exists():
            raise FileError(f"lstat {path}: no such file or directory", missing=True)
        yield kept_files.archive(kept)
        return
    pure = PurePosixPath(path)
    argv = ["sh", "-c", _ARCHIVE, "copy", path, str(pure.parent), pure.name]
    try:
        async with aclosing(node.runtime.stream(argv)) as pieces:
            async for piece in pieces:
                yield piece
    except CommandFailed as failure:
        if failure.status != _PARTLY:
            raise _failed("lstat", path, failure) from None
