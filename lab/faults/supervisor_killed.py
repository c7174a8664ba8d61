# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's supervisor, which plays Talos on every node, is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab import lifecycle
from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault, ProcessIdentity
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.host.processes import wait_until


class SupervisorKilled(Fault):
    """The machine API of every node is gone; the real programs run on."""

    name = "supervisor-killed"
    targets = Targets.LAB
    needs = (Need.SUPERVISOR,)
    effect = (
        "SIGKILL of the lab's supervisor: the machine API of every node is gone and nobody restarts programs; "
        "kubelets, control plane, pods and network run on. KubePrism is gone with it, so that nodes become NotReady."
    )
    lifting = (
        "As `lab recover`: a new supervisor; nodes that had power boot again from their disks, with new boot ids; "
        "those that were off stay off. Lab time begins anew."
    )

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Return who the supervisor is."""
        return {"pid": lab.record.pid, "start_time": lab.record.start_time}

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Kill it and wait for its end."""
        supervisor = ProcessIdentity(**held.undo)
        if supervisor.is_alive():
            os.kill(supervisor.pid, signal.SIGKILL)
        wait_until(lambda: not supervisor.is_alive(), f"process {supervisor.pid} to end")

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Start a new supervisor, if nobody did yet."""
        lifecycle.recover(lab.record.name)
