# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire of a machine is cut."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.faults.fault import Fault, Targets
from ansible_collections.homelab.talos.lab.faults.held import LINK_CUT, HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.host import links


class LinkCut(Fault):
    """The wire has no carrier; a machine that is switched on meanwhile finds it so."""

    name = LINK_CUT
    targets = Targets.NODE
    effect = "The node's wire has no carrier: it reaches nobody and nobody reaches it; it runs on, also over a reboot."
    lifting = "The wire has a carrier again."

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Take the carrier."""
        for node in held.nodes:
            links.cut_wire(lab.router, lab.port_of(node))

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Give the carrier back."""
        for node in held.nodes:
            links.mend_wire(lab.router, lab.port_of(node))
