# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything of this machine that a lab could leave behind, as comparable sets."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.host.record import read_record

#: Folders and files that a lab or a program in it might create on the host.
_WATCHED = (
    *("/run/homelab-talos", "/var/lib/homelab-talos", "/run/lock", "/run/netns", "/run/containerd", "/run/cni"),
    *("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/etcd", "/var/lib/cni", "/var/log/pods"),
    *("/var/log/containers", "/etc/kubernetes", "/etc/cni", "/etc/cri", "/opt", "/usr/libexec/kubernetes"),
)
_SYSCTLS = (
    *("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops"),
    *("fs.inotify.max_user_instances", "fs.inotify.max_user_watches", "net.ipv4.ip_forward"),
)


def host_snapshot(own: str) -> dict[str, Any]:
    """Return what there is now: processes, namespaces, links, routes, rules, mounts, control groups, sysctls, files.

    *own* begins the names of the labs under test; the processes of other labs of this machine are left out.
    """
    other_labs = {name for name in read_record().labs if not name.startswith(own)}
    return {
        "processes": sorted(_processes(other_labs)),
        "namespaces": _ip("netns", "list"),
        "links": [entry["ifname"] for entry in json.loads(_ip("-json", "link", "show"))],
        "addresses": [(entry["ifname"], _addresses(entry)) for entry in json.loads(_ip("-json", "addr", "show"))],
        "routes": sorted(_ip("route", "show", "table", "all").splitlines()),
        "rules": _run("nft", "list", "tables"),
        "mounts": sorted(line.split(" ", 4)[4] for line in _read("/proc/self/mountinfo").splitlines()),
        "control groups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/homelab-talos*")),
        "sysctls": {name: _read("/proc/sys/" + name.replace(".", "/")).strip() for name in _SYSCTLS},
        "files": sorted(_files()),
    }


def _processes(other_labs: set[str]) -> Iterator[str]:
    """Yield what lives in a network namespace of its own, supervisors and guards of faults; not those of other labs.

    Every other process of the machine comes and goes as it likes.
    """
    labs = read_record().labs
    theirs = {_namespace(f"/run/netns/{name}") for lab in other_labs if lab in labs for name in labs[lab].namespaces}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (namespace := _namespace(f"{entry}/ns/net")):
            words = _read(f"{entry}/cmdline").split("\0")
            supervises = any(word.endswith(("talos.lab.supervisor", "talos.lab.faults.guard")) for word in words)
            groups = _read(f"{entry}/cgroup")
            other = namespace in theirs or any(f"/homelab-talos/{lab}/" in groups for lab in other_labs)
            elsewhere = namespace != _namespace("/proc/self/ns/net") and not other
            if elsewhere or (supervises and not other_labs & set(words)):
                yield f"{entry.name} {' '.join(words)}"


def _namespace(path: str) -> int:
    """Return the identity of the namespace at *path*, 0 when it is gone."""
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0


def _files() -> Iterator[str]:
    for name in _WATCHED:
        top = Path(name)
        if top.exists():
            yield name
            yield from (os.path.join(name, child) for child in os.listdir(top))


def _addresses(entry: dict[str, Any]) -> list[str]:
    return sorted(address["local"] for address in entry["addr_info"])


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
