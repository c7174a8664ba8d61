# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of a lab: one below the root for each lab, one below that for each node.

Layout: ``/homelab-talos/<lab>/<node>`` in every version 1 controller, or in the version 2 tree.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT_NAME = "homelab-talos"
_MOUNT = Path("/sys/fs/cgroup")
_CONTROLLERS_NEEDED = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")


#: Group of the node's services, beside the kubelet's ``kubepods`` (version 2 wants processes in leaves only).
SERVICES_GROUP = "system"


def node_group(lab: str, node: str) -> str:
    """Return the path of a node's group below each hierarchy; inside the node it is the root."""
    return f"{ROOT_NAME}/{lab}/{node}"


def create_node_group(lab: str, node: str) -> None:
    """Create the node's group in every hierarchy, ready for the kubelet to create groups below it."""
    for hierarchy in _hierarchies():
        group = hierarchy
        for part in (ROOT_NAME, lab, node):
            parent, group = group, group / part
            group.mkdir(exist_ok=True)
            _inherit(parent, group)
            _pass_controllers_on(parent)
        services = group / SERVICES_GROUP
        services.mkdir(exist_ok=True)
        _inherit(group, services)


def remove_node_groups(lab: str, node: str, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Remove the node's groups; see :func:`remove_lab_groups`."""
    for hierarchy in _hierarchies():
        _remove_tree(hierarchy / ROOT_NAME / lab / node, wait)


def remove_lab_groups(lab: str, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Remove the lab's groups, and the common root when it is empty.

    Processes still in them are killed; *wait* is called with a condition that is true once a group is gone.
    """
    for hierarchy in _hierarchies():
        _remove_tree(hierarchy / ROOT_NAME / lab, wait)
        if (hierarchy / ROOT_NAME).is_dir():
            _removed(hierarchy / ROOT_NAME)


def _remove_tree(top: Path, wait: Callable[[Callable[[], bool]], None]) -> None:
    for directory, _folders, _files in os.walk(top, topdown=False):
        _kill_members(Path(directory))
        wait(lambda d=Path(directory): _removed(d))  # type: ignore[misc]


def _hierarchies() -> Iterator[Path]:
    if (_MOUNT / "cgroup.controllers").exists():
        yield _MOUNT
        return
    for name in _CONTROLLERS_NEEDED:
        if (_MOUNT / name).is_dir():
            yield _MOUNT / name


def _inherit(parent: Path, group: Path) -> None:
    """Give *group* the CPUs and memory nodes of *parent*: an empty group of version 1 has none."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        target = group / name
        if (parent / name).exists() and target.exists() and not target.read_text(encoding="utf-8").strip():
            target.write_text((parent / name).read_text(encoding="utf-8"), encoding="utf-8")


def _pass_controllers_on(parent: Path) -> None:
    """Make the controllers of *parent* available to the groups below it (version 2 only)."""
    controllers = parent / "cgroup.controllers"
    if controllers.exists():
        wanted = " ".join(f"+{name}" for name in controllers.read_text(encoding="utf-8").split())
        (parent / "cgroup.subtree_control").write_text(wanted, encoding="utf-8")


def _kill_members(group: Path) -> None:
    try:
        members = (group / "cgroup.procs").read_text(encoding="utf-8").split()
    except OSError:
        return
    for pid in members:
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise
    return True
