# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this process may make namespaces, and the directory in which ``ip`` keeps their names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.record import HostRecord

_DIRECTORY = Path("/run/netns")


def require_privileges() -> None:
    """Raise :class:`LabError` unless this process may make network and mount namespaces."""
    if os.geteuid() != 0:
        raise LabError("no permission to make network namespaces on this machine", "run the lab as root (sudo)")
    done = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        cause = done.stderr.strip() or "unshare failed"
        raise LabError(f"no permission to make namespaces on this machine: {cause}", "give root CAP_SYS_ADMIN")


def note_namespace_directory(record: HostRecord) -> None:
    """Note in *record* whether the directory existed before the first lab."""
    if not record.labs:
        record.namespace_directory_existed = _DIRECTORY.is_dir()


def restore_namespace_directory(record: HostRecord) -> None:
    """Remove the directory (and the mount ``ip`` makes on it) when the first lab had found none."""
    if record.namespace_directory_existed or not _DIRECTORY.is_dir() or any(_DIRECTORY.iterdir()):
        return
    subprocess.run(["umount", str(_DIRECTORY)], capture_output=True, check=False)
    _DIRECTORY.rmdir()
