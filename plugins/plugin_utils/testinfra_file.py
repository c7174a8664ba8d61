# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""testinfra's ``host.file`` over the machine API: the calls List and Read."""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any

from ansible_collections.homelab.talos.plugins.plugin_utils.testinfra_classes import File

# Type bits of Go's FileMode; source: golang/go:src/io/fs/fs.go.
DIRECTORY = 1 << 31
SYMLINK = 1 << 27
DEVICE = 1 << 26
PIPE = 1 << 25
SOCKET = 1 << 24
SETUID = 1 << 23
SETGID = 1 << 22
STICKY = 1 << 20
_NOT_REGULAR = DIRECTORY | SYMLINK | DEVICE | PIPE | SOCKET
_SPECIAL = {SETUID: 0o4000, SETGID: 0o2000, STICKY: 0o1000}


class TalosFile(File):
    """A path on a Talos node. Users and groups have numbers only: the API knows no names."""

    _host: Any  # its backend is the one of this collection

    @classmethod
    def get_module_class(cls, host: Any) -> type[TalosFile]:
        """Return this class; testinfra would look for a shell first."""
        return cls

    @property
    def exists(self) -> bool:
        """Whether there is anything at the path."""
        return self._info() is not None

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        info = self._info()
        return info is not None and not info["mode"] & _NOT_REGULAR

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self._has(DIRECTORY)

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._has(SYMLINK)

    @property
    def is_pipe(self) -> bool:
        """Whether it is a named pipe."""
        return self._has(PIPE)

    @property
    def is_socket(self) -> bool:
        """Whether it is a socket."""
        return self._has(SOCKET)

    @property
    def is_executable(self) -> bool:
        """Whether anybody may execute it."""
        info = self._info()
        return info is not None and bool(info["mode"] & 0o111)

    @property
    def linked_to(self) -> str:
        """Where the symbolic link points, as it is written; the path itself when it is none."""
        return self._required()["link"] or self.path

    @property
    def uid(self) -> int:
        """User id of the owner."""
        return int(self._required()["uid"])

    @property
    def gid(self) -> int:
        """Group id of the owner."""
        return int(self._required()["gid"])

    @property
    def mode(self) -> int:
        """Permission bits, such as ``0o600``."""
        mode = self._required()["mode"]
        return (mode & 0o777) | sum(bit for flag, bit in _SPECIAL.items() if mode & flag)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return int(self._required()["size"])

    @property
    def mtime(self) -> datetime.datetime:
        """Time of the last modification, in the time zone of the caller as testinfra has it."""
        return datetime.datetime.fromtimestamp(self._required()["modified"])

    @property
    def content(self) -> bytes:
        """The content."""
        return self._host.backend.api.read(self.path)

    @property
    def content_string(self) -> str:
        """The content, decoded as UTF-8."""
        return self.content.decode("utf-8")

    @property
    def md5sum(self) -> str:
        """MD5 digest of the content in hexadecimal."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def sha256sum(self) -> str:
        """SHA-256 digest of the content in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    def contains(self, pattern: str) -> bool:
        """Return whether a line of the content matches the regular expression (Python's, not grep's)."""
        expression = re.compile(pattern)
        return any(expression.search(line) for line in self.content_string.splitlines())

    def listdir(self) -> list[str]:
        """Return the names of what is in the directory, sorted."""
        self._required()
        below = self._host.backend.api.files(self.path, depth=1)
        return sorted(info["relative_name"] for info in below if info["relative_name"] not in ("", "."))

    def _info(self) -> dict[str, Any] | None:
        # The listing of a directory starts with the directory itself.
        for info in self._host.backend.api.files(self.path):
            if info["relative_name"] in ("", ".") or info["name"] == self.path:
                return info
        return None

    def _required(self) -> dict[str, Any]:
        info = self._info()
        if info is None:
            raise FileNotFoundError(f"{self._host.backend.get_hostname()}: {self.path} does not exist")
        return info

    def _has(self, flag: int) -> bool:
        info = self._info()
        return info is not None and bool(info["mode"] & flag)
