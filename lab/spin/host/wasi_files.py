# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wasi:filesystem 0.2: the files of a component's manifest, to read."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.values import Err, Ok, Record, Resource
from ansible_collections.homelab.talos.lab.spin.host.wasi_io import InputStream


class Descriptor(Resource):
    """A directory, or a file, below the root that a component sees; *path* is relative to it, "" is the root."""

    wit = "descriptor"

    def __init__(self, files: Mapping[str, str], path: str) -> None:
        self.files = files
        self.path = path

    @property
    def source(self) -> str | None:
        """The file of this machine behind it, None for a directory."""
        return self.files.get(self.path)

    def entries(self) -> list[tuple[str, bool]]:
        """Return the names in a directory and whether each is a directory."""
        prefix = f"{self.path}/" if self.path else ""
        below = [path.removeprefix(prefix) for path in self.files if path.startswith(prefix)]
        return sorted({(each.partition("/")[0], "/" in each) for each in below})

    def at(self, path: str) -> Descriptor | None:
        """Return what is at *path* below a directory, None when nothing is there."""
        parts: list[str] = [*PurePosixPath(self.path).parts]
        for part in PurePosixPath(path).parts:
            if part == "..":
                if not parts:
                    return None
                parts.pop()
            elif part not in (".", "/"):
                parts.append(part)
        found = Descriptor(self.files, "/".join(parts))
        return found if not found.path or found.source is not None or found.entries() else None


class Entries(Resource):
    """A directory that is being read."""

    wit = "directory-entry-stream"

    def __init__(self, entries: list[tuple[str, bool]]) -> None:
        self.rest: Iterator[tuple[str, bool]] = iter(entries)


def _kind(directory: bool) -> str:
    return "directory" if directory else "regular-file"


def _root(guest: Guest) -> list[tuple[Descriptor, str]]:
    files = {path.lstrip("/"): source for path, source in guest.permissions.files.items()}
    return [(Descriptor(files, ""), "/")] if files else []


def _open(_guest: Guest, base: Descriptor, _follow: set[str], path: str, how: set[str], flags: set[str]) -> Ok | Err:
    if flags & {"write", "mutate-directory"} or how & {"create", "truncate"}:
        return Err("read-only")
    found = base.at(path)
    if found is None:
        return Err("no-entry")
    if "directory" in how and found.source is not None:
        return Err("not-directory")
    return Ok(found)


def _stat(_guest: Guest, descriptor: Descriptor) -> Ok:
    size = os.stat(descriptor.source).st_size if descriptor.source is not None else 0
    fields = {
        "type": _kind(descriptor.source is None),
        "link-count": 1,
        "size": size,
        "data-access-timestamp": None,
        "data-modification-timestamp": None,
        "status-change-timestamp": None,
    }
    return Ok(Record(**fields))


def _stat_at(guest: Guest, base: Descriptor, _follow: set[str], path: str) -> Ok | Err:
    found = base.at(path)
    return _stat(guest, found) if found is not None else Err("no-entry")


def _content(descriptor: Descriptor) -> bytes | None:
    if descriptor.source is None:
        return None
    with open(descriptor.source, "rb") as file:
        return file.read()


def _read(_guest: Guest, descriptor: Descriptor, length: int, offset: int) -> Ok | Err:
    content = _content(descriptor)
    if content is None:
        return Err("is-directory")
    return Ok((content[offset : offset + length], offset + length >= len(content)))


def _stream(_guest: Guest, descriptor: Descriptor, offset: int) -> Ok | Err:
    content = _content(descriptor)
    return Err("is-directory") if content is None else Ok(InputStream(io.BytesIO(content[offset:])))


def _next_entry(_guest: Guest, entries: Entries) -> Ok:
    following = next(entries.rest, None)
    return Ok(None if following is None else Record(type=_kind(following[1]), name=following[0]))


def _read_directory(_guest: Guest, descriptor: Descriptor) -> Ok | Err:
    return Err("not-directory") if descriptor.source is not None else Ok(Entries(descriptor.entries()))


def _hash(descriptor: Descriptor) -> Record:
    status = os.stat(descriptor.source) if descriptor.source is not None else None
    upper = status.st_ino if status is not None and stat.S_ISREG(status.st_mode) else 0
    return Record(lower=hash(descriptor.path) & (2**64 - 1), upper=upper)


def _hash_at(_guest: Guest, base: Descriptor, _follow: set[str], path: str) -> Ok | Err:
    found = base.at(path)
    return Ok(_hash(found)) if found is not None else Err("no-entry")


def _read_only(_guest: Guest, *_arguments: Any) -> Err:
    return Err("read-only")


_CHANGES = (
    "write-via-stream append-via-stream set-size set-times write create-directory-at set-times-at link-at"
    " remove-directory-at rename-at symlink-at unlink-file-at"
)

INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "wasi:filesystem/preopens@0.2": {"get-directories": _root},
    "wasi:filesystem/types@0.2": {
        "[method]descriptor.open-at": _open,
        "[method]descriptor.stat": _stat,
        "[method]descriptor.stat-at": _stat_at,
        "[method]descriptor.read": _read,
        "[method]descriptor.read-via-stream": _stream,
        "[method]descriptor.read-directory": _read_directory,
        "[method]descriptor.get-flags": lambda _guest, _descriptor: Ok({"read"}),
        "[method]descriptor.get-type": lambda _guest, descriptor: Ok(_kind(descriptor.source is None)),
        "[method]descriptor.advise": lambda _guest, *_arguments: Ok(),
        "[method]descriptor.sync": lambda _guest, _descriptor: Ok(),
        "[method]descriptor.sync-data": lambda _guest, _descriptor: Ok(),
        "[method]descriptor.readlink-at": lambda _guest, _descriptor, _path: Err("invalid"),
        "[method]descriptor.is-same-object": lambda _guest, one, other: one.path == other.path,
        "[method]descriptor.metadata-hash": lambda _guest, descriptor: Ok(_hash(descriptor)),
        "[method]descriptor.metadata-hash-at": _hash_at,
        **{f"[method]descriptor.{name}": _read_only for name in _CHANGES.split()},
        "[method]directory-entry-stream.read-directory-entry": _next_entry,
        "filesystem-error-code": lambda _guest, _error: None,
    },
}
