# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and processor time of containers, from their control groups as the node sees them.

Both versions of control groups are read, whichever the machine below has.
Source: siderolabs/talos:internal/pkg/containers/cri/cri.go (working set, nanoseconds), cgroups(7),
torvalds/linux:Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.machined.node import Node

ROOT = "/sys/fs/cgroup"
# Prints "FILE:LINE" for each line of each file; files that do not exist, or not any more, are left out.
_LINES = ["grep", "--with-filename", "--no-messages", "--", ""]
_CGROUP_FILE = re.compile(r"/proc/(\d+)/cgroup:\d+:([^:]*):(.*)")


@dataclass(frozen=True)
class Usage:
    """``memory`` is the working set in bytes, ``cpu`` the processor time in nanoseconds."""

    memory: int
    cpu: int


@dataclass(frozen=True)
class _Files:
    """The files that tell the usage of one control group."""

    memory: str
    memory_stat: str
    cpu: str

    def usage(self, content: Mapping[str, list[str]]) -> Usage | None:
        """Return the usage, None when the group is gone."""
        memory, cpu = content.get(self.memory), content.get(self.cpu)
        if not memory or not cpu:
            return None
        stat = _values(content.get(self.memory_stat, []))
        inactive = stat.get("total_inactive_file", stat.get("inactive_file", 0))
        numbers = _values(cpu)
        spent = numbers["usage_usec"] * 1000 if "usage_usec" in numbers else int(cpu[0])
        return Usage(max(int(memory[0]) - inactive, 0), spent)


async def usage(node: Node, pids: Iterable[int]) -> dict[int, Usage]:
    """Return process id (of a container's first process) -> usage; containers that ended are left out."""
    paths = [f"/proc/{pid}/cgroup" for pid in pids]
    if not paths:
        return {}
    groups = files_of(await _read(node, paths))
    wanted = [path for files in groups.values() for path in (files.memory, files.memory_stat, files.cpu)]
    content = contents(await _read(node, wanted)) if wanted else {}
    found = {pid: files.usage(content) for pid, files in groups.items()}
    return {pid: each for pid, each in found.items() if each is not None}


async def _read(node: Node, paths: list[str]) -> str:
    _status, output, _errors = await node.runtime.run([*_LINES, *paths])
    return output.decode(errors="replace")


def files_of(text: str) -> dict[int, _Files]:
    """Return process id -> files of its control group, from the lines of /proc/PID/cgroup."""
    groups: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        match = _CGROUP_FILE.fullmatch(line)
        if match:
            for controller in match[2].split(","):
                groups.setdefault(int(match[1]), {})[controller] = match[3].rstrip("/")
    return {pid: _files(paths) for pid, paths in groups.items() if "memory" in paths or "" in paths}


def _files(paths: Mapping[str, str]) -> _Files:
    if "memory" in paths:
        memory, cpu = f"{ROOT}/memory{paths['memory']}", f"{ROOT}/cpuacct{paths.get('cpuacct', '')}"
        return _Files(f"{memory}/memory.usage_in_bytes", f"{memory}/memory.stat", f"{cpu}/cpuacct.usage")
    group = f"{ROOT}{paths['']}"
    return _Files(f"{group}/memory.current", f"{group}/memory.stat", f"{group}/cpu.stat")


def contents(text: str) -> dict[str, list[str]]:
    """Return path -> lines, from what grep prints."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, _colon, rest = line.partition(":")
        found.setdefault(path, []).append(rest)
    return found


def _values(lines: Iterable[str]) -> dict[str, int]:
    rows = (line.split() for line in lines)
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
