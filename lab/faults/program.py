# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is common to the faults of a node's programs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.fault import Parameter
from ansible_collections.homelab.talos.lab.faults.held import HeldFault, ProcessIdentity
from ansible_collections.homelab.talos.lab.faults.target import TargetLab

PROGRAM = Parameter(
    "program",
    ("kubelet", "containerd", "etcd"),
    "the program; `containerd` is the service `cri`, `etcd` is on control planes",
)


def find_program(lab: TargetLab, targets: Sequence[Sequence[str]], program: str) -> dict[str, Any]:
    """Return the processes of a program on the node as data for :func:`processes`; raises ``LabError`` without any."""
    found = []
    for node in (node for group in targets for node in group):
        pids = lab.processes_of(node, program)
        if not pids:
            raise LabError(
                f"node {node} does not run {program}", f"see what runs there: tools/lab enter {node} -- ps ax"
            )
        found += [vars(ProcessIdentity.of(pid)) for pid in pids]
    return {"processes": found}


def processes(held: HeldFault) -> list[ProcessIdentity]:
    """Return the processes that were found when the fault was switched on."""
    return [ProcessIdentity(**each) for each in held.undo["processes"]]


def send(number: signal.Signals, targets: Iterable[ProcessIdentity]) -> None:
    """Send a signal to those of the processes that still run."""
    for each in targets:
        if each.is_alive():
            try:
                os.kill(each.pid, number)
            except ProcessLookupError:
                continue
