# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and taking down a lab: what is changed on the host, in which order, and how it is undone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab import control
from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.detached import start_detached
from ansible_collections.homelab.talos.lab.engine.ensure import ensure_engine
from ansible_collections.homelab.talos.lab.engine.image_store import ensure_store
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.held import end_guards, read_held
from ansible_collections.homelab.talos.lab.host import cgroups, escapes, links, sysctls
from ansible_collections.homelab.talos.lab.host.namespaces import (
    note_namespace_directory,
    require_privileges,
    restore_namespace_directory,
)
from ansible_collections.homelab.talos.lab.host.processes import end_process, kill_members, wait_until
from ansible_collections.homelab.talos.lab.host.record import (
    HostRecord,
    LabRecord,
    host_record,
    process_start_time,
    read_record,
)
from ansible_collections.homelab.talos.lab.services.authority import certificate_path
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.service_node import READY_LIMIT_SECONDS

_UP_LIMIT_SECONDS = 90.0
_POWER_OFF_LIMIT_SECONDS = 30.0


def start_lab(description: LabDescription, progress: Callable[[str], None]) -> dict[str, Any]:
    """Start a lab and wait until every machine answers in maintenance mode; returns its status.

    Nothing stays on the host when it fails. Raises :class:`LabError`.
    """
    require_privileges()
    ensure_store(ensure_engine(progress, optional=description.programs), progress)
    with host_record() as record:
        _refuse_conflicts(record, description)
        lab = LabRecord(description.name, description.subnet, link_name(description.name))
        lab.namespaces = [links.router_namespace(lab.name), *map(lab.namespace_of, description.address_of)]
        note_namespace_directory(record)
        sysctls.prepare_sysctls(record)
        record.labs[lab.name] = lab
        links.cover_range()
        escapes.count_on_host()
        lab.run_directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        lab.state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (lab.run_directory / "description.json").write_text(description.to_json(), encoding="utf-8")
        process = _start_supervisor(lab)
        lab.pid, lab.start_time = process.pid, process_start_time(process.pid)
    first = "services, then for " if description.services else ""
    progress(f"lab {lab.name}: waiting for {first}{len(description.nodes)} machines to answer")
    try:
        _wait_for_machines(lab, process, _up_limit(description.services))
    except LabError:
        take_down(lab.name)
        raise
    return lab_status(lab.name)


def _refuse_conflicts(record: HostRecord, description: LabDescription) -> None:
    own = record.labs.get(description.name)
    if own is not None:
        state = "runs already" if own.is_alive() else "is left over from a supervisor that died"
        raise LabError(f"lab {own.name} {state}", f"take it down first: tools/lab down {own.name}")
    for other in record.labs.values():
        if other.subnet == description.subnet:
            raise LabError(
                f"lab {description.name}: subnet {other.subnet} is in use by lab {other.name}",
                f"choose another subnet of {links.LAB_RANGE} or take {other.name} down",
            )


def _start_supervisor(lab: LabRecord, off: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    return start_detached("supervisor", [lab.name, *off], lab.log_file)


def _nodes(lab: LabRecord, process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    """Return what a supervisor that was just started says about its nodes, nothing until it answers."""
    if process.poll() is not None:
        lines = lab.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1].removeprefix("error: ") if lines else f"status {process.returncode}"
        raise LabError(f"lab {lab.name}: its supervisor ended: {last}", "mend the cause and start it again")
    if not control.socket_path(lab.run_directory).exists():
        return []
    nodes: list[dict[str, Any]] = control.ask(lab.run_directory, {"command": "status"})["nodes"]
    return nodes


def _up_limit(services: Sequence[ServiceDescription]) -> float:
    """Return the seconds that a lab may take; services start one after the other at worst."""
    return _UP_LIMIT_SECONDS + len(services) * READY_LIMIT_SECONDS


def _wait_for_machines(lab: LabRecord, process: subprocess.Popen[bytes], limit: float) -> None:
    seen: list[dict[str, Any]] = []

    def answered() -> bool:
        seen[:] = _nodes(lab, process)
        return bool(seen) and all(node["stage"] == "maintenance" for node in seen)

    try:
        wait_until(answered, "the machines", limit)
    except LabError as error:
        stages = ", ".join(f"{node['name']} is {node['stage']}" for node in seen) or error.cause
        raise LabError(f"lab {lab.name}: not every machine reached maintenance mode: {stages}", error.remedy) from None


def recover(name: str) -> dict[str, Any]:
    """Start the supervisor of lab *name* again after it died; returns ``changed``, False when it runs.

    Machines that had power lose it and boot from their disks; those that were off stay off. Router and wires stay as
    they are. Raises :class:`LabError` when there is no such lab or the supervisor does not start.
    """
    require_privileges()
    with host_record() as record:
        lab = find_lab(name, record.labs.values())
        if lab.is_alive():
            return {"changed": False}
        off = _note_who_is_off(lab)
        router = links.router_namespace(name)
        kill_members(namespace for namespace in lab.namespaces if namespace != router)
        for machine, address in describe(lab).address_of.items():
            links.remove_node(lab.namespace_of(machine), router, links.port_name(address))
        cgroups.remove_lab_groups(lab.name, lambda condition: wait_until(condition, "control groups to empty"))
        control.socket_path(lab.run_directory).unlink(missing_ok=True)
        process = _start_supervisor(lab, off)
        lab.pid, lab.start_time = process.pid, process_start_time(process.pid)
    limit = _up_limit(describe(lab).services)
    wait_until(lambda: bool(_nodes(lab, process)), f"the supervisor of lab {name}", limit)
    _off_note(lab).unlink(missing_ok=True)
    return {"changed": True}


def _note_who_is_off(lab: LabRecord) -> list[str]:
    """Return the names of the nodes without power, as they were when the first attempt to recover began."""
    note = _off_note(lab)
    if not note.exists():
        on = links.existing_namespaces(lab.namespaces)
        off = [node.name for node in describe(lab).nodes if lab.namespace_of(node.name) not in on]
        partial = note.with_suffix(".partial")
        partial.write_text(json.dumps(off), encoding="utf-8")
        partial.replace(note)
    names: list[str] = json.loads(note.read_text(encoding="utf-8"))
    return names


def _off_note(lab: LabRecord) -> Path:
    return lab.run_directory / "off.json"


def describe(lab: LabRecord) -> LabDescription:
    """Return the description that *lab* was started from."""
    return LabDescription.from_file(lab.run_directory / "description.json")


def take_down(name: str) -> dict[str, Any]:
    """Remove everything lab *name* has on this host, also after its supervisor was killed.

    Returns ``changed`` (whether there was such a lab) and ``escaped_packets``, the last state of the counters (empty
    where nothing counted). The last lab restores the host's settings.
    """
    require_privileges()
    with host_record() as record:
        lab = record.labs.get(name)
        if lab is None:
            return {"changed": False, "escaped_packets": {}}
        end_guards(lab.run_directory)
        end_process(lab.pid, lab.start_time, _POWER_OFF_LIMIT_SECONDS)
        kill_members(lab.namespaces)
        escaped = escapes.escaped_packets(links.router_namespace(name))
        links.remove_namespaces(lab.namespaces)
        links.remove_link(lab.link)
        cgroups.remove_lab_groups(lab.name, lambda condition: wait_until(condition, "control groups to empty"))
        for directory in (lab.state_directory, lab.run_directory):
            if directory.exists():
                shutil.rmtree(directory)
        del record.labs[name]
        if not record.labs:
            escapes.stop_counting_on_host()
            links.uncover_range()
            sysctls.restore_sysctls(record)
            restore_namespace_directory(record)
    return {"changed": True, "escaped_packets": escaped}


def lab_status(name: str) -> dict[str, Any]:
    """Return the state of lab *name*: ``running``, ``dead`` (its supervisor died), ``absent``, or ``not answering``
    (it is just starting or ending)."""
    lab = read_record().labs.get(name)
    if lab is None:
        return {"name": name, "state": "absent", "nodes": [], "services": []}
    faults = [held.to_dict() for held in read_held(lab.run_directory)]
    common = {"name": name, "subnet": lab.subnet, "link": lab.link, "supervisor": lab.pid, "faults": faults}
    authority = certificate_path(lab.state_directory)
    if authority.exists():
        common["authority"] = str(authority)
    if not lab.is_alive():
        return {**common, "state": "dead", "nodes": [], "services": []}
    try:
        members = control.ask(lab.run_directory, {"command": "status"})
    except LabError:
        return {**common, "state": "not answering", "nodes": [], "services": []}
    escaped = escapes.escaped_packets(links.router_namespace(name))
    return {**common, "state": "running", **members, "escaped_packets": escaped}


def find_lab(name: str | None, labs: Iterable[LabRecord]) -> LabRecord:
    """Return the lab called *name*, or the only one; raises :class:`LabError`."""
    known = {lab.name: lab for lab in labs}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name in known:
        return known[name]
    listed = ", ".join(sorted(known)) or "none"
    cause = f"lab {name} does not exist" if name else "which lab is meant is not clear"
    raise LabError(cause, f"name one with --lab; labs of this machine: {listed}")


def link_name(lab: str) -> str:
    """Return the name of the lab's link on the host (at most 15 characters)."""
    return f"hlt{hashlib.sha256(lab.encode()).hexdigest()[:10]}"
