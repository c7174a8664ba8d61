# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network falls into two parts."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Parameter, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.host import bridge_filter, links


class Partition(Fault):
    """Between the groups no frame passes; within a group everything does."""

    name = "partition"
    targets = Targets.GROUPS
    parameters = (
        Parameter(
            "controller",
            ("first", "second", "both", "none"),
            "which groups the controller (the machine that runs the lab) reaches and is reached by",
        ),
    )
    effect = (
        "No frame passes between the two groups; wires keep their carriers, traffic within a group goes on. "
        "Nodes in neither group reach both."
    )
    lifting = "Every frame passes again."

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Let the switch drop what would pass between the groups."""
        first, second = ([lab.port_of(node) for node in group] for group in held.targets)
        pairs = [(first, second)]
        controller = held.parameters["controller"]
        pairs += [([links.HOST_PORT], first)] if controller in ("second", "none") else []
        pairs += [([links.HOST_PORT], second)] if controller in ("first", "none") else []
        bridge_filter.separate(lab.router, held.id, pairs)

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Let everything pass."""
        bridge_filter.join(lab.router, held.id)
