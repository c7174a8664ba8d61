# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that are on in a lab, as they stand in its run directory.

A fault is written down before anything is done, with what lifting it needs. So it can be lifted whatever became of the
program that switched it on.
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

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.processes import end_process
from ansible_collections.homelab.talos.lab.host.record import process_start_time

LINK_CUT = "link-cut"
_GUARD_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of the host that no other can be taken for; *pid* 0 is nobody."""

    pid: int = 0
    start_time: int = 0

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """Return the identity of the process that has *pid* now."""
        return cls(pid, process_start_time(pid))

    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.pid > 0 and self.start_time > 0 and process_start_time(self.pid) == self.start_time


@dataclass
class HeldFault:
    """A fault that is on.

    *id* names it, *fault* is its name in the catalogue, *targets* are groups of names of nodes, *parameters* are as
    given or by default. *undo* is what lifting it needs. The fault is lifted when its *owner* dies, by *guard*;
    without an owner it stays until somebody lifts it. *applied* is set when it was switched on completely, *lifting*
    once it is to end.
    """

    id: str
    fault: str
    targets: list[list[str]]
    parameters: dict[str, str]
    undo: dict[str, Any] = field(default_factory=dict)
    owner: ProcessIdentity = ProcessIdentity()
    guard: ProcessIdentity = ProcessIdentity()
    applied: bool = False
    lifting: bool = False

    @property
    def nodes(self) -> set[str]:
        """Names of all nodes it is about."""
        return {name for group in self.targets for name in group}

    @property
    def is_abandoned(self) -> bool:
        """Tell whether it had an owner who died."""
        return self.owner.pid > 0 and not self.owner.is_alive()

    def end_guard(self) -> None:
        """End the process that waits for the end of the owner, except from within that process."""
        if self.guard.pid != os.getpid():
            end_process(self.guard.pid, self.guard.start_time, _GUARD_LIMIT_SECONDS)

    def to_dict(self) -> dict[str, Any]:
        """Return what people and programs are shown."""
        shown = {"id": self.id, "fault": self.fault, "targets": self.targets, "parameters": self.parameters}
        return {**shown, "owner": self.owner.pid or None}

    def text(self) -> str:
        """Return it in one line."""
        words = [self.fault, *(",".join(group) for group in self.targets)]
        words += [f"{key}={value}" for key, value in self.parameters.items()]
        return " ".join(words)


def read_held(run_directory: Path) -> list[HeldFault]:
    """Return the faults of the lab with *run_directory*, in the order in which they were switched on."""
    try:
        rows = json.loads(_file(run_directory).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    identities = ("owner", "guard")
    return [HeldFault(**{**row, **{key: ProcessIdentity(**row[key]) for key in identities}}) for row in rows]


@contextmanager
def held_faults(run_directory: Path) -> Iterator[HeldFaults]:
    """Hold the lock over the faults of a lab; raises :class:`LabError` when the lab is gone."""
    try:
        descriptor = os.open(run_directory / "faults.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise LabError(f"lab {run_directory.name} is gone", "start it again") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield HeldFaults(run_directory)
    finally:
        os.close(descriptor)


class HeldFaults:
    """The faults of a lab while its lock is held; every change is on disk at once."""

    def __init__(self, run_directory: Path) -> None:
        self._run_directory = run_directory
        self._all = read_held(run_directory)

    def __iter__(self) -> Iterator[HeldFault]:
        return iter(list(self._all))

    def new_id(self, fault: str) -> str:
        """Return an id that no fault of this lab has."""
        taken = {held.id for held in self._all}
        number = 1
        while f"{fault}-{number}" in taken:
            number += 1
        return f"{fault}-{number}"

    def put(self, held: HeldFault) -> None:
        """Write down a new fault, or a change of one."""
        if held not in self._all:
            self._all.append(held)
        self._store()

    def remove(self, held: HeldFault) -> None:
        """Forget a fault that was lifted."""
        self._all.remove(held)
        self._store()

    def _store(self) -> None:
        partial = self._run_directory / ".faults.json.partial"
        partial.write_text(json.dumps([asdict(held) for held in self._all], indent=1), encoding="utf-8")
        partial.replace(_file(self._run_directory))


def wire_is_cut(run_directory: Path, node: str) -> bool:
    """Tell whether the wire of *node* is cut, for a machine that is just switched on."""
    return any(held.fault == LINK_CUT and node in held.nodes and not held.lifting for held in read_held(run_directory))


def end_guards(run_directory: Path) -> None:
    """End the processes that wait for the end of owners; the lab is about to go."""
    for held in read_held(run_directory):
        held.end_guard()


def _file(run_directory: Path) -> Path:
    return run_directory / "faults.json"
