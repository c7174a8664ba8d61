# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of secrets that a module keeps: read, compare, write privately, in check mode too.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import stat
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.talos.secret_file import write_secret

PRIVATE = 0o600


class KeptFile:
    """A private file as it is on disk.

    :ivar path: the absolute path.
    :ivar data: its content, ``None`` when there is no such file.
    :ivar mode: its permissions, those it will get when it is missing.
    :raises OSError: it exists and cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()
        try:
            self.data: bytes | None = self.path.read_bytes()
            self.mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            self.data = None
            self.mode = PRIVATE

    @property
    def is_private(self) -> bool:
        """Return whether nobody but the owner may read or write the file (true when it is missing)."""
        return self.mode & 0o077 == 0

    def keep(self, data: bytes, check_mode: bool) -> bool:
        """Make the file hold ``data`` with mode 0600; return whether that changes anything.

        :param check_mode: when true nothing is written.
        """
        if self.data == data and self.is_private:
            return False
        if not check_mode:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(self.path, data, PRIVATE)
        return True
