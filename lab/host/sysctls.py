# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings of the whole machine that a lab needs, or that its programs change."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.lab.host.record import HostRecord

#: Needed by the lab: every node's containerd and kubelet watch files.
_RAISED = {"fs.inotify.max_user_instances": 8192, "fs.inotify.max_user_watches": 524288}
#: Set by every kubelet for the whole machine.
_SET_BY_KUBELET = ("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops")


def prepare_sysctls(record: HostRecord) -> None:
    """Note the present values in *record* (first lab only) and raise what the lab needs."""
    for name in (*_RAISED, *_SET_BY_KUBELET):
        path = _path(name)
        if path.exists():
            record.sysctls.setdefault(name, path.read_text(encoding="utf-8").strip())
    for name, minimum in _RAISED.items():
        path = _path(name)
        if path.exists() and int(path.read_text(encoding="utf-8")) < minimum:
            path.write_text(str(minimum), encoding="utf-8")


def restore_sysctls(record: HostRecord) -> None:
    """Write the noted values back (last lab only) and forget them."""
    for name, value in record.sysctls.items():
        path = _path(name)
        if path.read_text(encoding="utf-8").strip() != value:
            path.write_text(value, encoding="utf-8")
    record.sysctls.clear()


def _path(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")
