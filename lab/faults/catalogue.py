# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All faults of the lab, by name."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.disk_lost import DiskLost
from ansible_collections.homelab.talos.lab.faults.fault import Fault
from ansible_collections.homelab.talos.lab.faults.link_cut import LinkCut
from ansible_collections.homelab.talos.lab.faults.partition import Partition
from ansible_collections.homelab.talos.lab.faults.power_off import PowerOff
from ansible_collections.homelab.talos.lab.faults.program_killed import ProgramKilled
from ansible_collections.homelab.talos.lab.faults.program_stopped import ProgramStopped
from ansible_collections.homelab.talos.lab.faults.reboot import Reboot
from ansible_collections.homelab.talos.lab.faults.supervisor_killed import SupervisorKilled

_ALL: tuple[Fault, ...] = (
    DiskLost(),
    LinkCut(),
    Partition(),
    PowerOff(),
    ProgramKilled(),
    ProgramStopped(),
    Reboot(),
    SupervisorKilled(),
)
CATALOGUE: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}


def find_fault(name: str) -> Fault:
    """Return the fault called *name*; raises :class:`LabError` naming those that there are."""
    if name not in CATALOGUE:
        raise LabError(f"there is no fault {name!r}", f"the faults are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
