# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of talosctl are read by their columns; answers are judged by the rows of the table of commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support.talosctl import Answer, Talosctl
from ansible_collections.homelab.talos.tests.support.talosctl_table import Row
from ansible_collections.homelab.talos.tests.testinfra.talosctl_program import table

PRINTED = """\
NODE         MACHINE TYPE   GATEWAY       ERRORS
198.18.1.1                  198.18.1.99
198.18.1.2   worker                       no leader
"""


def answered(stdout: str, status: int = 0, stderr: str = "") -> Answer:
    return subprocess.CompletedProcess([], status, stdout, stderr)


def test_empty_cells_stay_empty() -> None:
    assert table(answered(PRINTED)) == [
        {"NODE": "198.18.1.1", "MACHINE TYPE": "", "GATEWAY": "198.18.1.99", "ERRORS": ""},
        {"NODE": "198.18.1.2", "MACHINE TYPE": "worker", "GATEWAY": "", "ERRORS": "no leader"},
    ]


@pytest.mark.parametrize("answer", [answered(""), answered(PRINTED, 1, "rpc error"), answered("\n")])
def test_what_is_no_table_fails(answer: Answer) -> None:
    with pytest.raises(AssertionError):
        table(answer)


@pytest.mark.parametrize(
    ("row", "answer", "problem"),
    [
        (Row("time", "works", run="time", says="NTP"), answered("NTP-SERVER\n"), ""),
        (Row("time", "works", run="time", says="NTP"), answered("", 1, "rpc error"), "exit status 1"),
        (Row("time", "works", run="time", says="NTP"), answered("nothing"), "does not say 'NTP'"),
        (Row("logs", "refused", run="logs x", says="not reg"), answered("", 1, "was not registered"), ""),
        (Row("logs", "refused", run="logs x", says="not reg"), answered("was not registered"), "exit status 0"),
        (Row("pcap", "not played", run="pcap", says="Unimpl"), answered("", 1, "code = Unknown"), "does not say"),
    ],
)
def test_an_answer_is_that_of_the_row_or_not(row: Row, answer: Answer, problem: str) -> None:
    assert problem in row.problem(answer)
    assert bool(row.problem(answer)) == bool(problem)


def test_directories_are_filled_in() -> None:
    row = Row("x", "works", run="x '{a b}' {workspace}/file {tmp}/new")
    assert row.arguments(Path("cluster"), Path("empty")) == ["x", "{a b}", "cluster/file", "empty/new"]


def program(tmp_path: Path, script: str) -> Talosctl:
    path = tmp_path / "talosctl"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return Talosctl(path, "v1.13.9", "PATH", 0.0)


def test_an_endless_command_is_stopped_and_keeps_its_output(tmp_path: Path) -> None:
    endless = program(tmp_path, "echo first; exec tail -f /dev/null")
    answer = endless.run("events", limit=0.5, endless=True)
    assert (answer.returncode, answer.stdout) == (0, "first\n")
    with pytest.raises(subprocess.TimeoutExpired):
        endless.run("events", limit=0.5)


def test_no_client_configuration_of_the_user_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALOSCONFIG", "/of/the/user")
    monkeypatch.setenv("TALOS_HOME", "/of/the/user")
    told = program(tmp_path, 'echo "$TALOSCONFIG $TALOS_HOME"')
    assert told.run("x").stdout == "/nonexistent/talosconfig \n"
    assert told.run("x", talosconfig="mine").stdout == "mine \n"
