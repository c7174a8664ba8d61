# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching faults on and lifting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.homelab.talos.lab.detached import start_detached
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.catalogue import find_fault
from ansible_collections.homelab.talos.lab.faults.fault import Fault, Need
from ansible_collections.homelab.talos.lab.faults.held import HeldFault, HeldFaults, ProcessIdentity, held_faults
from ansible_collections.homelab.talos.lab.faults.target import TargetLab
from ansible_collections.homelab.talos.lab.host.namespaces import require_privileges
from ansible_collections.homelab.talos.lab.host.record import LabRecord


def switch_on(
    record: LabRecord, name: str, targets: Sequence[str], parameters: Mapping[str, str], owner_pid: int = 0
) -> HeldFault:
    """Switch the fault *name* on in a lab; returns it as it is held.

    :param targets: names of nodes; those of a group are separated by commas.
    :param owner_pid: process with whose end the fault is lifted; 0 for none.
    :raises LabError: it is refused before anything changes, or failed and was lifted again.
    """
    require_privileges()
    fault = find_fault(name)
    lab = TargetLab(record)
    groups = [target.split(",") for target in targets]
    for node in (node for group in groups for node in group):
        lab.description.node(node)
    values = fault.check(groups, parameters)
    owner = _owner(owner_pid)
    with held_faults(record.run_directory) as all_held:
        _lift_abandoned(lab, all_held)
        _refuse_what_is_on(fault, groups, all_held)
        _require_needs(fault, lab, groups)
        held = HeldFault(all_held.new_id(name), name, groups, values, fault.prepare(lab, groups, values), owner)
        all_held.put(held)
        try:
            if owner.pid:
                held.guard = _start_guard(record, held)
                all_held.put(held)
            fault.apply(lab, held)
            held.applied = True
            all_held.put(held)
        except BaseException:
            _lift(lab, all_held, held)
            raise
    return held


def lift(record: LabRecord, ids: Sequence[str] | None) -> list[str]:
    """Lift the faults with those *ids*, all of them when it is None, the latest first; returns their ids.

    :raises LabError: one is not on (then nothing is lifted), or cannot be lifted (then it stays noted).
    """
    require_privileges()
    lab = TargetLab(record)
    with held_faults(record.run_directory) as all_held:
        known = {held.id: held for held in all_held}
        for id in ids or ():
            if id not in known:
                listed = ", ".join(known) or "none"
                raise LabError(f"lab {record.name} has no fault {id!r}", f"the faults that are on: {listed}")
        chosen = [held for held in all_held if ids is None or held.id in ids]
        for held in reversed(chosen):
            _lift(lab, all_held, held)
        return [held.id for held in reversed(chosen)]


def lift_abandoned(record: LabRecord) -> None:
    """Lift the faults whose owners died; raises :class:`LabError` when one cannot be lifted."""
    lab = TargetLab(record)
    with held_faults(record.run_directory) as all_held:
        _lift_abandoned(lab, all_held)


def _lift_abandoned(lab: TargetLab, all_held: HeldFaults) -> None:
    for held in reversed(list(all_held)):
        if held.is_abandoned:
            _lift(lab, all_held, held)


def _lift(lab: TargetLab, all_held: HeldFaults, held: HeldFault) -> None:
    held.lifting = True
    all_held.put(held)
    find_fault(held.fault).lift(lab, held)
    all_held.remove(held)
    held.end_guard()


def _owner(pid: int) -> ProcessIdentity:
    if not pid:
        return ProcessIdentity()
    owner = ProcessIdentity.of(pid)
    if not owner.is_alive():
        raise LabError(f"there is no process {pid} to own the fault", "name one that runs")
    return owner


def _refuse_what_is_on(fault: Fault, groups: Sequence[Sequence[str]], all_held: HeldFaults) -> None:
    nodes = {name for group in groups for name in group}
    for held in all_held:
        if held.fault == fault.name and (held.nodes & nodes or not nodes):
            what = " and ".join(sorted(held.nodes & nodes)) or "the lab"
            raise LabError(
                f"fault {fault.name} is on already for {what}", f"lift it first: tools/lab fault off {held.id}"
            )


def _require_needs(fault: Fault, lab: TargetLab, groups: Sequence[Sequence[str]]) -> None:
    if Need.SUPERVISOR in fault.needs and not lab.record.is_alive():
        cause = f"fault {fault.name} needs {Need.SUPERVISOR}, and that of lab {lab.record.name} does not"
        raise LabError(cause, f"start it again: tools/lab recover {lab.record.name}")
    for name in (name for group in groups for name in group):
        if {Need.POWER, Need.PROGRAM} & set(fault.needs) and not lab.has_power(name):
            raise LabError(f"node {name} is powered off", f"start {name} first")


def _start_guard(record: LabRecord, held: HeldFault) -> ProcessIdentity:
    arguments = [record.name, str(held.owner.pid)]
    return ProcessIdentity.of(start_detached("faults.guard", arguments, record.run_directory / "faults.log").pid)
