# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands ``lab fault ...``."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from typing import Any

from ansible_collections.homelab.talos.lab.command_line import add_command, add_lab, show
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults import switch
from ansible_collections.homelab.talos.lab.faults.catalogue import CATALOGUE
from ansible_collections.homelab.talos.lab.faults.fault import Fault
from ansible_collections.homelab.talos.lab.faults.held import HeldFault, read_held
from ansible_collections.homelab.talos.lab.host.record import LabRecord, read_record
from ansible_collections.homelab.talos.lab.lifecycle import find_lab


def add_fault_commands(commands: Any) -> None:
    """Add ``fault`` with its own commands to the lab's."""
    fault = commands.add_parser("fault", help="break a lab on purpose, and mend it")
    own = fault.add_subparsers(required=True, metavar="COMMAND")
    add_command(own, "list", _list, "show the faults that there are, with their parameters and needs")
    on = add_command(own, "on", _on, "switch a fault on; it stays until it is lifted")
    _add_fault(on)
    on.add_argument("--owner", type=int, default=0, metavar="PID", help="lift the fault when this process has ended")
    run = add_command(own, "run", _run, "switch a fault on while a command runs")
    run.usage = "lab fault run FAULT [TARGET ...] [--set NAME=VALUE] [--lab LAB] -- COMMAND ..."
    _add_fault(run)
    off = add_command(own, "off", _off, "lift faults")
    off.add_argument("id", nargs="*", help="id of a fault that is on")
    off.add_argument("--all", action="store_true", help="lift every fault of the lab")
    add_lab(off)
    add_lab(add_command(own, "status", _status, "show the faults that are on"))


def _add_fault(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("fault", help="name of the fault, see `lab fault list`")
    parser.add_argument("target", nargs="*", help="name of a node; for a group several, separated by commas")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="give the fault a parameter")
    add_lab(parser)


def _lab(options: argparse.Namespace) -> LabRecord:
    return find_lab(options.lab, read_record().labs.values())


def _list(options: argparse.Namespace) -> int:
    text = "\n\n".join(_fault_text(fault) for fault in CATALOGUE.values())
    return show(options, {"faults": [fault.to_dict() for fault in CATALOGUE.values()]}, text)


def _fault_text(fault: Fault) -> str:
    lines = [f"{fault.name}: {fault.targets}", f"  {fault.effect}", f"  Lifting: {fault.lifting}"]
    for each in fault.parameters:
        default = f" (default {each.default})" if each.default else ""
        lines.append(f"  --set {each.name}={'|'.join(each.choices)}{default}: {each.meaning}")
    if fault.needs:
        lines.append(f"  needs {', '.join(fault.needs)}")
    return "\n".join(lines)


def _switch_on(options: argparse.Namespace, owner: int) -> HeldFault:
    pairs = [given.partition("=") for given in options.set]
    for given, (name, equals, _value) in zip(options.set, pairs, strict=True):
        if not name or not equals:
            raise LabError(f"--set {given}: not of the form NAME=VALUE", "see `tools/lab fault list`")
    parameters = {name: value for name, _equals, value in pairs}
    return switch.switch_on(_lab(options), options.fault, options.target, parameters, owner)


def _on(options: argparse.Namespace) -> int:
    held = _switch_on(options, options.owner)
    return show(options, {"changed": True, **held.to_dict()}, f"{held.id} is on")


def _run(options: argparse.Namespace) -> int:
    """Return the exit status of the command; the fault is lifted however it ends."""
    if not options.argv:
        raise LabError("no command to run under the fault", "give one after --")
    signal.signal(signal.SIGTERM, _interrupt)
    held = _switch_on(options, os.getpid())
    print(f"{held.id} is on", file=sys.stderr, flush=True)
    try:
        return subprocess.run(options.argv, check=False).returncode
    except OSError as error:
        raise LabError(f"{options.argv[0]}: {error.strerror}", "give a command that exists after --") from None
    except KeyboardInterrupt:
        return 130
    finally:
        switch.lift(_lab(options), [held.id])
        print(f"{held.id} is lifted", file=sys.stderr, flush=True)


def _interrupt(*_signal: object) -> None:
    raise KeyboardInterrupt


def _off(options: argparse.Namespace) -> int:
    if bool(options.id) == options.all:
        raise LabError("which faults are to be lifted is not clear", "name their ids, or give --all")
    lifted = switch.lift(_lab(options), None if options.all else options.id)
    text = "\n".join(f"{id} is lifted" for id in lifted) or "no fault is on"
    return show(options, {"changed": bool(lifted), "lifted": lifted}, text)


def _status(options: argparse.Namespace) -> int:
    lab = _lab(options)
    all_held = read_held(lab.run_directory)
    lines = [f"{held.id}: {held.text()}{f' (owner {held.owner.pid})' if held.owner.pid else ''}" for held in all_held]
    content = {"lab": lab.name, "faults": [held.to_dict() for held in all_held]}
    return show(options, content, "\n".join(lines) or "no fault is on")
