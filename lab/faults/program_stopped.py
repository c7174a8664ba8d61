# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of a node hangs."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.program import PROGRAM, find_program, processes, send
from ansible_collections.homelab.talos.lab.faults.target import TargetLab


class ProgramStopped(Fault):
    """The program is there and does nothing."""

    name = "program-stopped"
    targets = Targets.NODE
    needs = (Need.PROGRAM,)
    parameters = (PROGRAM,)
    effect = (
        "SIGSTOP of the program: it is there, holds its connections and answers nobody; its service becomes unhealthy."
    )
    lifting = "SIGCONT of the same processes, if they are still there."

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Return which processes there are."""
        return find_program(lab, targets, parameters["program"])

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Stop them."""
        send(signal.SIGSTOP, processes(held))

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Let them go on."""
        send(signal.SIGCONT, processes(held))
