# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine loses its power."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab


class PowerOff(Fault):
    """The plug is pulled; lifting puts it back."""

    name = "power-off"
    targets = Targets.NODE
    needs = (Need.SUPERVISOR, Need.POWER)
    effect = "The node's plug is pulled: every process ends at once, its wire has no carrier, its disks stay."
    lifting = "The node is switched on and boots from its disks, with a new boot id."

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Pull the plug."""
        for node in held.nodes:
            lab.switch("power-off", node)

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Switch the node on."""
        for node in held.nodes:
            lab.switch("start", node)
