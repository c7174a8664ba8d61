# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine boots again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Parameter, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab


class Reboot(Fault):
    """The node goes down and comes back by itself; lifting makes sure that it did."""

    name = "reboot"
    targets = Targets.NODE
    needs = (Need.SUPERVISOR, Need.POWER)
    parameters = (
        Parameter(
            "by",
            ("talos", "switch"),
            "`talos` stops the services first, as Reboot of the machine API does; `switch` cuts the power for a moment",
            "talos",
        ),
    )
    effect = "The node goes down and boots again by itself."
    lifting = "Waits until the node has booted; switches it on in case it stayed off."

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Return the boot id of the node."""
        return {"boot_ids": {node: lab.status_of(node)["boot_id"] for group in targets for node in group}}

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Begin the reboot, or use the switch twice."""
        for node in held.nodes:
            if held.parameters["by"] == "talos":
                lab.switch("reboot", node)
            else:
                lab.switch("power-off", node)
                lab.switch("start", node)

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Wait for the end of the reboot."""
        for node, boot_id in held.undo["boot_ids"].items():
            if not lab.status_of(node)["powered"]:
                lab.switch("start", node)
            if held.applied:
                lab.wait_for_reboot(node, boot_id)
