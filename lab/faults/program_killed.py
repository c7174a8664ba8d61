# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of a node is killed."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.program import PROGRAM, find_program, processes, send
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.host.processes import wait_until

_RESTART_LIMIT_SECONDS = 30.0


class ProgramKilled(Fault):
    """Talos restarts it by itself; lifting makes sure that it did."""

    name = "program-killed"
    targets = Targets.NODE
    needs = (Need.SUPERVISOR, Need.PROGRAM)
    parameters = (PROGRAM,)
    effect = "SIGKILL of the program; Talos starts it again after 5 s."
    lifting = "Waits until the program runs again."

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Return which processes there are."""
        return find_program(lab, targets, parameters["program"])

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Kill them and wait for their end."""
        killed = processes(held)
        send(signal.SIGKILL, killed)
        wait_until(lambda: not any(each.is_alive() for each in killed), f"{held.parameters['program']} to end")

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Wait for the restart; a node that lost its power meanwhile has none."""
        program = held.parameters["program"]
        for node in held.nodes:
            wait_until(
                lambda node=node: bool(lab.processes_of(node, program)) or not lab.has_power(node),  # type: ignore[misc]
                f"{program} of node {node} to run again",
                _RESTART_LIMIT_SECONDS,
            )
