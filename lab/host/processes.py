# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that belong to a lab, found by the network namespaces they live in."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.record import process_start_time

_LIMIT_SECONDS = 20.0
_PERIOD_SECONDS = 0.02


def wait_until(condition: Callable[[], bool], what: str, limit: float = _LIMIT_SECONDS) -> None:
    """Wait until *condition* holds; raises :class:`LabError` naming *what* after *limit* seconds."""
    due = time.monotonic() + limit
    while not condition():
        if time.monotonic() > due:
            raise LabError(f"still waiting for {what} after {limit:g} s", "see what holds it: `ps ax`, `ip netns`")
        time.sleep(_PERIOD_SECONDS)


def end_process(pid: int, start_time: int, limit: float) -> None:
    """End process *pid* (if it is the one started at *start_time*): SIGTERM, after *limit* seconds SIGKILL."""
    if process_start_time(pid) != start_time:
        return
    for number, seconds in ((signal.SIGTERM, limit), (signal.SIGKILL, _LIMIT_SECONDS)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        try:
            wait_until(lambda: process_start_time(pid) != start_time, f"process {pid} to end", seconds)
        except LabError:
            continue
        return


def kill_members(namespaces: Iterable[str]) -> None:
    """Kill every process in the named network namespaces and wait until none is left.

    The first process of a node is among them, and with it the kernel ends the node's pods.
    """
    wanted = {inode for name in namespaces if (inode := _inode(Path("/run/netns") / name))}
    if not wanted:
        return

    def killed_all() -> bool:
        found = [pid for pid in _processes() if _inode(Path(f"/proc/{pid}/ns/net")) in wanted]
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not found

    wait_until(killed_all, "the lab's processes to end")


def node_processes(namespace: str) -> dict[int, str]:
    """Return process id on the host -> name, of the processes of a node: those in its own PID namespace.

    What runs in its pods is not among them. *namespace* is the node's network namespace; empty without power.
    """
    wanted = _inode(Path("/run/netns") / namespace)
    found = {}
    for pid in _processes() if wanted else ():
        if _inode(Path(f"/proc/{pid}/ns/net")) == wanted and len(ids := _ids(pid)) == 2:
            found[ids[0]] = _name(pid)
    return found


def first_process(namespace: str) -> int:
    """Return the process id, on the host, of the first process of a node; 0 when the node has no power."""
    return next((pid for pid in node_processes(namespace) if _ids(pid)[-1:] == [1]), 0)


def _ids(pid: int) -> list[int]:
    """Return the ids of a process in each PID namespace it is in, the host's first; empty when it is gone."""
    for line in _status(pid):
        if line.startswith("NSpid:"):
            return [int(word) for word in line.split()[1:]]
    return []


def _name(pid: int) -> str:
    return next((line.split(maxsplit=1)[1] for line in _status(pid) if line.startswith("Name:")), "")


def _status(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
