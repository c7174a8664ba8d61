# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host-wide record of all labs of this machine.

One JSON file under a lock says which labs exist, who owns them (process id and start time), and what
the host's settings were before the first of them. The last lab restores and removes the record.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: Everything volatile of all labs; removed with the last lab.
RUN_DIRECTORY = Path("/run/homelab-talos")
#: Everything persistent of all labs (disks of the nodes); removed with the last lab.
STATE_DIRECTORY = Path("/var/lib/homelab-talos")
#: The lock is not in the run directory, because that is removed while the lock is held.
LOCK_FILE = Path("/run/lock/homelab-talos.lock")


@dataclass
class LabRecord:
    """One lab. *pid* and *start_time* (clock ticks since boot) identify its supervisor; *link* is the
    lab's only link in the host's network namespace; *namespaces* are names below /run/netns."""

    name: str
    subnet: str
    link: str
    pid: int = 0
    start_time: int = 0
    namespaces: list[str] = field(default_factory=list)

    @property
    def run_directory(self) -> Path:
        """Sockets, description and log of the supervisor."""
        return RUN_DIRECTORY / self.name

    @property
    def state_directory(self) -> Path:
        """Disks of the lab's nodes."""
        return STATE_DIRECTORY / self.name

    @property
    def log_file(self) -> Path:
        """The supervisor's own log."""
        return self.run_directory / "supervisor.log"

    def namespace_of(self, node: str) -> str:
        """Return the name of a node's network namespace."""
        return f"{self.name}-{node}"

    def is_alive(self) -> bool:
        """Tell whether the supervisor still runs (and its process id was not given to another process)."""
        return self.pid > 0 and process_start_time(self.pid) == self.start_time


@dataclass
class HostRecord:
    """All labs and the host settings to restore: *sysctls* name -> value before the first lab;
    *namespace_directory_existed* tells whether /run/netns was there before the first lab."""

    labs: dict[str, LabRecord] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    namespace_directory_existed: bool = True


def process_start_time(pid: int) -> int:
    """Return the start time of process *pid* in clock ticks since boot, -1 when there is none or only its zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return -1
    fields = text.rsplit(")", 1)[1].split()
    return -1 if fields[0] in "ZX" else int(fields[19])


def _load(path: Path) -> HostRecord:
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return HostRecord()
    labs = {name: LabRecord(**value) for name, value in raw["labs"].items()}
    return HostRecord(labs, raw["sysctls"], raw["namespace_directory_existed"])


def read_record() -> HostRecord:
    """Return the record as it is now, for reading commands."""
    return _load(RUN_DIRECTORY / "host.json")


@contextmanager
def host_record() -> Iterator[HostRecord]:
    """Hold the host-wide lock and yield the record; what was changed in it is stored at the end.

    Also stored when the block raises, because what was changed on the host by then has to be known.
    """
    LOCK_FILE.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        record = _load(RUN_DIRECTORY / "host.json")
        try:
            yield record
        finally:
            _store(record)
    finally:
        os.close(descriptor)


def _store(record: HostRecord) -> None:
    if not record.labs and not record.sysctls:
        (RUN_DIRECTORY / "host.json").unlink(missing_ok=True)
        for directory in (RUN_DIRECTORY, STATE_DIRECTORY):
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
        LOCK_FILE.unlink(missing_ok=True)
        return
    RUN_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = RUN_DIRECTORY / ".host.json.partial"
    partial.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    partial.replace(RUN_DIRECTORY / "host.json")
