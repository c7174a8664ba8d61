# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node loses what is on its disk besides Talos and its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need, Targets
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.machined.partitions import EPHEMERAL


class DiskLost(Fault):
    """The partition EPHEMERAL is on a disk of its own, and that is replaced."""

    name = "disk-lost"
    targets = Targets.NODE
    needs = (Need.SUPERVISOR, Need.POWER)
    effect = (
        "The node's plug is pulled, and its partition EPHEMERAL is gone: the data of etcd, images, what pods kept on "
        "the node. Its configuration stays."
    )
    lifting = "The node is switched on and begins with an empty partition; a control plane joins etcd again by itself."

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Refuse a node that holds the only copy of a cluster: nothing would bring that back."""
        ((node,),) = targets
        members = [each for each in lab.nodes if lab.processes_of(each, "etcd")]
        if members == [node]:
            cause = f"node {node} runs the only member of etcd: lifting the fault would not bring its data back"
            raise LabError(cause, "name another node, or give the cluster further control planes")
        return {}

    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Pull the plug and replace the disk."""
        for node in held.nodes:
            lab.switch("power-off", node)
            lab.partitions_of(node).wipe(EPHEMERAL)

    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Switch the node on."""
        for node in held.nodes:
            lab.switch("start", node)
