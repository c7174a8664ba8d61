# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``lab time``: what the command line asks for, and what it does to the machines of a lab."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab import cli, supervisor
from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.record import LabRecord

DESCRIPTION = {
    "name": "unit",
    "subnet": "198.18.9.0/24",
    "talos_version": "v1.13.9",
    "nodes": [{"name": "cp1", "address": "198.18.9.11"}, {"name": "w1", "address": "198.18.9.12"}],
}


@pytest.fixture
def lab(tmp_path: Path) -> supervisor.Supervisor:
    """A lab without power."""
    engine = Engine(tmp_path, tmp_path, tmp_path, "unit", {})
    record = LabRecord("unit", "198.18.9.0/24", "hlt0")
    return supervisor.Supervisor(LabDescription.from_mapping(DESCRIPTION), record, engine)


@pytest.fixture
def asked(lab: supervisor.Supervisor, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The requests of the command line, answered by the lab."""
    requests: list[dict[str, Any]] = []

    def ask(_directory: Path, request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return asyncio.run(lab._handle(request))

    monkeypatch.setattr(cli, "read_record", lambda: SimpleNamespace(labs={"unit": lab._record}))
    monkeypatch.setattr("ansible_collections.homelab.talos.lab.cli.control.ask", ask)
    return requests


def skipped(answer: dict[str, Any]) -> dict[str, float]:
    """Return how far the time of each machine was moved, in seconds."""
    return {node["name"]: node["skipped_seconds"] for node in answer["nodes"]}


def test_time_of_all_machines_is_moved(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["time", "unit", "--advance", "70m", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["changed"], skipped(answer)) == (True, {"cp1": 4200.0, "w1": 4200.0})


def test_time_of_one_machine_is_moved_and_of_no_other(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["time", "unit", "w1", "--advance", "1h10m"]) == 0
    assert asked == [{"command": "time", "nodes": ["w1"], "advance": 4200.0}]
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown[2:]] == [["cp1", "0:00:00"], ["w1", "1:10:00"]]


def test_time_is_only_shown_without_a_duration(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["time", "unit", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["changed"], skipped(answer)) == (False, {"cp1": 0.0, "w1": 0.0})


def test_a_machine_shows_in_its_kernel_log_that_time_was_moved(lab: supervisor.Supervisor, asked: list[Any]) -> None:
    assert cli.main(["time", "unit", "w1", "--advance", "70m"]) == 0
    assert lab._machines["w1"].node.journal.kernel.tail()[-1].endswith("[lab] lab time moved forward by 4200 s")
    assert lab._machines["cp1"].node.journal.kernel.tail() == []


def test_an_unknown_machine_is_refused_before_any_time_is_moved(lab: supervisor.Supervisor) -> None:
    with pytest.raises(LabError, match="no node 'w9'"):
        asyncio.run(lab._handle({"command": "time", "nodes": ["w1", "w9"], "advance": 60}))
    assert skipped(asyncio.run(lab._handle({"command": "time"}))) == {"cp1": 0.0, "w1": 0.0}


@pytest.mark.parametrize("text", ["0s", "70", "-70m", "soon"])
def test_what_is_no_duration_is_one_line(asked: list[Any], capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert cli.main(["time", "unit", f"--advance={text}"]) == 1
    assert capsys.readouterr().err.startswith("error: --advance: ")
    assert asked == []
