# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: ``python -m ansible_collections.homelab.talos.lab``."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab import control, lifecycle
from ansible_collections.homelab.talos.lab.command_line import add_command, add_lab, show
from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.engine.ensure import ensure_engine, print_progress
from ansible_collections.homelab.talos.lab.engine.lock import OPTIONAL_PROGRAMS, PROGRAMS
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.commands import add_fault_commands
from ansible_collections.homelab.talos.lab.host.record import read_record
from ansible_collections.homelab.talos.lab.node.runtime import command_inside
from ansible_collections.homelab.talos.lab.programs.substitutions import SUBSTITUTIONS
from ansible_collections.homelab.talos.plugins.module_utils.talos.duration import DurationError, parse_duration


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors of the lab are one line on standard error and exit status 1."""
    given = sys.argv[1:] if arguments is None else arguments
    end = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:end])
    options.argv = given[end + 1 :]
    try:
        status: int = options.run(options)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="The emulated home lab.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = add_command(commands, "up", _up, "start a lab from a description")
    up.add_argument("-f", "--file", required=True, type=Path, help="lab description, JSON or YAML")
    down = add_command(commands, "down", _down, "take a lab down, also one whose supervisor died")
    down.add_argument("name", help="name of the lab")
    status = add_command(commands, "status", _status, "show the labs of this machine, or one of them")
    status.add_argument("name", nargs="?", help="name of the lab; all when left out")
    for name, text in (
        ("start", "power a machine on"),
        ("stop", "let Talos shut a machine down"),
        ("power-off", "pull the plug of a machine"),
    ):
        switch = add_command(commands, name, _switch, text)
        switch.set_defaults(command=name)
        _add_node(switch)
    logs = add_command(commands, "logs", _logs, "show what a machine logs, or one of its programs")
    _add_node(logs)
    logs.add_argument(
        "program", nargs="?", help="program such as kubelet; the machine's kernel log (dmesg) when left out"
    )
    enter = add_command(commands, "enter", _enter, "run a command inside a machine")
    enter.usage = "lab enter NODE [--lab LAB] [-- COMMAND ...]   (a shell when no command is given)"
    _add_node(enter)
    time = add_command(commands, "time", _time, "show how far lab time was moved, or move it forward")
    time.add_argument("name", metavar="LAB", help="name of the lab")
    time.add_argument("nodes", metavar="NODE", nargs="*", help="machines whose time is meant; all when left out")
    time.add_argument("--advance", metavar="DURATION", help="how far to move it forward, e.g. 70m")
    recover = add_command(commands, "recover", _recover, "start the supervisor of a lab again after it died")
    recover.add_argument("name", help="name of the lab")
    add_fault_commands(commands)
    engine = commands.add_parser("engine", help="the real programs the machines run")
    ensure = add_command(engine.add_subparsers(required=True), "ensure", _engine, "get the engine and say where it is")
    ensure.set_defaults(command="ensure")
    ensure.add_argument(
        "--for", dest="lab_file", metavar="FILE", type=Path, help="only what the lab of this description needs"
    )
    return parser


def _add_node(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", help="name of the machine")
    add_lab(parser)


def _up(options: argparse.Namespace) -> int:
    description = LabDescription.from_file(options.file)
    status = lifecycle.start_lab(description, print_progress)
    return show(options, {"changed": True, **status}, _status_text(status))


def _down(options: argparse.Namespace) -> int:
    answer = lifecycle.take_down(options.name)
    text = f"lab {options.name} is down" if answer["changed"] else f"there is no lab {options.name}"
    return show(options, {**answer, "name": options.name}, text)


def _recover(options: argparse.Namespace) -> int:
    answer = lifecycle.recover(options.name)
    text = f"lab {options.name} {'has a supervisor again' if answer['changed'] else 'runs'}"
    return show(options, {**answer, "name": options.name}, text)


def _status(options: argparse.Namespace) -> int:
    substitutions = [each.to_dict() for each in SUBSTITUTIONS]
    if options.name:
        status = lifecycle.lab_status(options.name)
        text = f"{_status_text(status)}\n\n{_substitutions_text()}"
        return show(options, {**status, "substitutions": substitutions}, text)
    labs = [lifecycle.lab_status(name) for name in sorted(read_record().labs)]
    text = "\n\n".join([*map(_status_text, labs)] or ["no lab runs on this machine"])
    return show(options, {"labs": labs, "substitutions": substitutions}, text)


def _status_text(status: dict[str, Any]) -> str:
    lines = [f"lab {status['name']}: {status['state']}"]
    row = "  {:<12} {:<16} {:<13} {:<13} {:<10} {}"
    if status["nodes"]:
        lines.append(row.format("NODE", "ADDRESS", "TYPE", "STAGE", "READY", "EXTENSIONS"))
    for node in status["nodes"]:
        ready = "Ready" if node["kubernetes_ready"] else "-"
        extensions = ", ".join(node["extensions"]) or "-"
        lines.append(row.format(node["name"], node["address"], node["machine_type"], node["stage"], ready, extensions))
    row = "  {:<12} {:<16} {:<13} {}"
    if status.get("services"):
        lines.append(row.format("SERVICE", "ADDRESS", "KIND", "STATE"))
    for service in status.get("services", []):
        lines.append(row.format(service["name"], service["address"], service["kind"], service["state"]))
    lines += [f"  fault {each['id']} is on" for each in status.get("faults", [])]
    lines += [f"  {node['name']}: {node['image']}" for node in status["nodes"] if node.get("image")]
    if "escaped_packets" in status:
        counts = ", ".join(f"{count} on the {where}" for where, count in status["escaped_packets"].items())
        lines.append(f"  packets that tried to leave: {counts}")
    return "\n".join(lines)


def _substitutions_text() -> str:
    row = "  {:<14} {:<24} {:<24} {:<30} {}"
    lines = ["replaced on every machine of a lab:", row.format("PROGRAM", "SETTING", "TALOS", "LAB", "REASON")]
    lines += [row.format(each.program, each.setting, each.talos, each.lab, each.reason) for each in SUBSTITUTIONS]
    return "\n".join(lines)


def _switch(options: argparse.Namespace) -> int:
    lab = lifecycle.find_lab(options.lab, read_record().labs.values())
    answer = control.ask(lab.run_directory, {"command": options.command, "node": options.node})
    return show(options, answer, f"{options.node}: {options.command} {'done' if answer['changed'] else 'not needed'}")


def _logs(options: argparse.Namespace) -> int:
    lab = lifecycle.find_lab(options.lab, read_record().labs.values())
    kinds = {service.name: service.kind for service in lifecycle.describe(lab).services}
    program = options.program or kinds.get(options.node)
    if not program:
        lines = control.ask(lab.run_directory, {"command": "dmesg", "node": options.node})["lines"]
        return show(options, {"program": "dmesg", "lines": lines}, "\n".join(lines))
    directory = lab.state_directory / options.node / "log"
    if not directory.is_dir():
        known = ", ".join(sorted(path.name for path in lab.state_directory.iterdir() if path.is_dir()))
        raise LabError(f"lab {lab.name} has no node {options.node!r}", f"its nodes are {known}")
    names = sorted(path.stem for path in directory.glob("*.log"))
    if program not in names:
        listed = ", ".join(names) or "none yet"
        raise LabError(f"node {options.node} has no log of {program!r}", f"it has {listed}")
    text = (directory / f"{program}.log").read_text(encoding="utf-8", errors="replace")
    return show(options, {"program": program, "lines": text.splitlines()}, text.rstrip("\n"))


def _time(options: argparse.Namespace) -> int:
    request = {"command": "time", "nodes": options.nodes, "advance": _seconds(options.advance)}
    lab = lifecycle.find_lab(options.name, read_record().labs.values())
    answer = control.ask(lab.run_directory, request)
    row = "  {:<12} {}"
    lines = [f"lab {lab.name}: lab time", row.format("NODE", "MOVED FORWARD BY")]
    lines += [row.format(node["name"], str(timedelta(seconds=node["skipped_seconds"]))) for node in answer["nodes"]]
    return show(options, answer, "\n".join(lines))


def _seconds(text: str | None) -> float:
    """Return the seconds of ``--advance``; raises :class:`LabError`."""
    try:
        return parse_duration(text).total_seconds() if text is not None else 0.0
    except DurationError as error:
        raise LabError(f"--advance: {error}", "lab time only moves forward, by a duration such as 70m") from None


def _enter(options: argparse.Namespace) -> int:
    lab = lifecycle.find_lab(options.lab, read_record().labs.values())
    name = lifecycle.describe(lab).machine(options.node)
    command = command_inside(lab.namespace_of(name), name, options.argv or ["/bin/sh"])
    sys.stdout.flush()
    os.execvp(command[0], command)


def _engine(options: argparse.Namespace) -> int:
    wanted = {each.name for each in OPTIONAL_PROGRAMS}
    if options.lab_file:
        wanted = LabDescription.from_file(options.lab_file).programs
    engine = ensure_engine(print_progress, optional=wanted)
    rows = [
        {"program": each.name, "version": each.version, "seconds": round(engine.seconds.get(each.name, 0.0), 1)}
        for each in (*PROGRAMS, *(each for each in OPTIONAL_PROGRAMS if each.name in wanted))
    ]
    text = "\n".join(f"{row['program']:<26} {row['version']:<10} {row['seconds']:>7.1f} s" for row in rows)
    content = {"programs": rows, "directory": str(engine.programs), "source": engine.source}
    return show(options, content, f"{text}\n{engine.programs} ({engine.source})")
