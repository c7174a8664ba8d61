# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs start, live beside each other, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot
from ansible_collections.homelab.talos.tests.support.lab_command import run_lab

pytestmark = pytest.mark.root
Described = Callable[[str, int], str]


def nodes_of(name: str) -> dict[str, dict[str, object]]:
    return {node["name"]: node for node in json.loads(run_lab("status", name, "--json").stdout)["nodes"]}


def test_down_leaves_nothing(described: Described) -> None:
    before = host_snapshot("lc-")
    run_lab("up", "-f", described("lc-one", 200))
    assert host_snapshot("lc-") != before
    run_lab("down", "lc-one")
    assert host_snapshot("lc-") == before


def test_down_leaves_nothing_after_the_supervisor_was_killed(described: Described) -> None:
    before = host_snapshot("lc-")
    run_lab("up", "-f", described("lc-killed", 201))
    os.kill(json.loads(run_lab("status", "lc-killed", "--json").stdout)["supervisor"], signal.SIGKILL)
    assert json.loads(run_lab("status", "lc-killed", "--json").stdout)["state"] == "dead"
    run_lab("down", "lc-killed")
    assert host_snapshot("lc-") == before


def test_a_process_that_a_node_left_running_is_seen_and_ended(described: Described) -> None:
    """The negative control of the two tests above: the snapshot does see what a lab leaves."""
    before = host_snapshot("lc-")
    run_lab("up", "-f", described("lc-busy", 202))
    # sleep: the process that is left running; "down" ends it, nothing waits for it
    script = "setsid sleep 600 >/dev/null 2>&1 </dev/null & for _ in $(seq 5000); do read n < /proc/$!/comm"
    script += "; [ $n = sleep ] && exit 0; done; exit 1"
    run_lab("enter", "cp1", "--lab", "lc-busy", "--", "sh", "-c", script)
    during = host_snapshot("lc-")
    assert [line for line in during["processes"] if "sleep 600" in line]
    run_lab("down", "lc-busy")
    assert host_snapshot("lc-") == before


def test_two_labs_at_once(described: Described) -> None:
    run_lab("up", "-f", described("lc-a", 203))
    run_lab("up", "-f", described("lc-b", 204))
    for name, third in (("lc-a", 203), ("lc-b", 204)):
        addresses = run_lab("enter", "cp1", "--lab", name, "--", "ip", "-brief", "address", "show", "eth0").stdout
        assert f"198.18.{third}.11/24" in addresses
    run_lab("down", "lc-a")
    assert json.loads(run_lab("status", "lc-b", "--json").stdout)["state"] == "running"
    assert nodes_of("lc-b")["cp1"]["stage"] == "maintenance"


def test_conflicts_are_refused_before_anything_changes(described: Described) -> None:
    run_lab("up", "-f", described("lc-first", 205))
    before = host_snapshot("lc-")
    again = run_lab("up", "-f", described("lc-first", 205), check=False)
    same_subnet = run_lab("up", "-f", described("lc-second", 205), check=False)
    assert (again.returncode, same_subnet.returncode) == (1, 1)
    assert again.stderr.strip() == "error: lab lc-first runs already; take it down first: tools/lab down lc-first"
    assert "subnet 198.18.205.0/24 is in use by lab lc-first" in same_subnet.stderr
    assert host_snapshot("lc-") == before


def test_the_power_switch(described: Described) -> None:
    run_lab("up", "-f", described("lc-power", 206))
    first = nodes_of("lc-power")["gw1"]["boot_id"]
    run_lab("power-off", "gw1", "--lab", "lc-power")
    assert nodes_of("lc-power")["gw1"]["stage"] == "off"
    assert json.loads(run_lab("power-off", "gw1", "--lab", "lc-power", "--json").stdout) == {"changed": False}
    refused = run_lab("enter", "gw1", "--lab", "lc-power", "--", "true", check=False)
    assert refused.stderr.strip() == "error: node gw1 is powered off; start gw1 first"
    run_lab("start", "gw1", "--lab", "lc-power")
    assert nodes_of("lc-power")["gw1"]["boot_id"] not in ("", first)
    seen = run_lab("enter", "gw1", "--lab", "lc-power", "--", "cat", "/proc/sys/kernel/random/boot_id").stdout.strip()
    assert seen == nodes_of("lc-power")["gw1"]["boot_id"]


def test_logs_of_a_machine_and_of_a_program_it_does_not_run(described: Described) -> None:
    run_lab("up", "-f", described("lc-logs", 208))
    assert "maintenance" in run_lab("logs", "cp1", "--lab", "lc-logs").stdout
    refused = run_lab("logs", "cp1", "kubelet", "--lab", "lc-logs", check=False)
    assert refused.stderr.strip() == "error: node cp1 has no log of 'kubelet'; it has none yet"
    unknown = run_lab("logs", "cp9", "--lab", "lc-logs", check=False)
    assert unknown.stderr.strip() == "error: lab lc-logs has no node 'cp9'; its nodes are cp1, gw1"


def test_packets_that_leave_are_counted(described: Described) -> None:
    run_lab("up", "-f", described("lc-escape", 207))

    def escaped() -> dict[str, int]:
        counts: dict[str, int] = json.loads(run_lab("status", "lc-escape", "--json").stdout)["escaped_packets"]
        return counts

    assert escaped() == {"router": 0, "host": 0}
    lost = run_lab("enter", "cp1", "--lab", "lc-escape", "--", "ping", "-c", "1", "-W", "1", "203.0.113.1", check=False)
    assert lost.returncode != 0
    counted = escaped()["router"]
    assert counted >= 1
    assert json.loads(run_lab("down", "lc-escape", "--json").stdout)["escaped_packets"]["router"] >= counted


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("up", "-f", "/nonexistent.json"), "error: /nonexistent.json: No such file or directory;"),
        (("enter", "cp1", "--lab", "none", "--", "true"), "error: lab none does not exist;"),
        (("logs", "cp1", "--lab", "none"), "error: lab none does not exist;"),
    ],
)
def test_wrong_input_is_one_line(arguments: tuple[str, ...], expected: str) -> None:
    done = run_lab(*arguments, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(expected)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_broken_description_changes_nothing(tmp_path: Path) -> None:
    before = host_snapshot("lc-")
    path = tmp_path / "lab.json"
    path.write_text('{"name": "x"', encoding="utf-8")
    done = run_lab("up", "-f", str(path), check=False)
    assert done.returncode == 1
    assert "not valid YAML or JSON" in done.stderr
    assert host_snapshot("lc-") == before
