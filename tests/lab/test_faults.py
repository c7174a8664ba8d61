# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the lab: its effect is there while it is on, and the baseline after it, whatever happened in between.

What the faults do to a cluster is the matter of the scenario ``node-faults``; these labs have machines and no cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.faults import switch
from ansible_collections.homelab.talos.lab.faults.link_cut import LinkCut
from ansible_collections.homelab.talos.lab.host.record import read_record
from ansible_collections.homelab.talos.tests.lab.conftest import description
from ansible_collections.homelab.talos.tests.support.host_snapshot import host_snapshot
from ansible_collections.homelab.talos.tests.support.lab_command import ROOT, run_lab
from ansible_collections.homelab.talos.tests.testinfra.faults import FaultRefused, Faults
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.reachability import (
    CONTROLLER,
    Pair,
    all_pairs,
    between,
    differences,
    reachable,
)

pytestmark = pytest.mark.root
Described = Callable[[str, int], str]
NAME, THIRD = "lc-faults", 210
LIFTING_SECONDS = 30.0


def handle(name: str) -> LabHandle:
    """Return how tests reach into a lab, as the role ``lab`` would leave it."""
    program = (sys.executable, str(ROOT / "lab/__main__.py"))
    commands = {
        "exec": (*program, "enter", "--lab", name, "{node}", "--"),
        "fault": (*program, "fault", "{verb}", "--lab", name),
    }
    return LabHandle(frozenset({"exec", "faults"}), commands)


def baseline(name: str = NAME, third: int = THIRD) -> set[Pair]:
    """Return who reaches whom in a lab."""
    addresses = {"cp1": f"198.18.{third}.11", "gw1": f"198.18.{third}.12", CONTROLLER: f"198.18.{third}.2"}
    return reachable(addresses, lambda node, words: handle(name).act("exec", node, words))


EVERYBODY = all_pairs(["cp1", "gw1", CONTROLLER])
WITHOUT_GATEWAY = EVERYBODY - between([["gw1"], ["cp1", CONTROLLER]])


def nodes_of(name: str = NAME) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in json.loads(run_lab("status", name, "--json").stdout)["nodes"]}


def state_of(name: str = NAME) -> str:
    return str(json.loads(run_lab("status", name, "--json").stdout)["state"])


def supervisor_of(name: str = NAME) -> int:
    return int(json.loads(run_lab("status", name, "--json").stdout)["supervisor"])


def boot_ids() -> dict[str, Any]:
    return {name: node["boot_id"] for name, node in nodes_of().items()}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    """A lab that all tests break and mend."""
    path = tmp_path_factory.mktemp("lab") / "lab.json"
    path.write_text(json.dumps(description(NAME, THIRD)), encoding="utf-8")
    try:
        run_lab("up", "-f", str(path))
        assert_baseline()
        yield Faults(handle(NAME))
    finally:
        run_lab("down", NAME)


@pytest.fixture
def faults(machines: Faults) -> Iterator[Faults]:
    """The faults of a lab that is whole again after the test."""
    yield machines
    assert_baseline()


def assert_baseline() -> None:
    """Require that no fault is on, every machine has power and everybody reaches everybody."""
    assert Faults(handle(NAME)).held() == []
    wait_until(
        "the machines to be in maintenance", lambda: (stages() == {"maintenance"}, str(stages())), LIFTING_SECONDS
    )
    assert differences(baseline(), EVERYBODY) == []


def stages() -> set[Any]:
    return {node["stage"] for node in nodes_of().values()}


@pytest.mark.parametrize(
    ("fault", "targets", "parameters", "reached"),
    [
        ("link-cut", ["gw1"], {}, WITHOUT_GATEWAY),
        ("power-off", ["gw1"], {}, WITHOUT_GATEWAY),
        ("disk-lost", ["gw1"], {}, WITHOUT_GATEWAY),
        ("partition", ["cp1", "gw1"], {"controller": "first"}, WITHOUT_GATEWAY),
        ("partition", ["gw1", "cp1"], {"controller": "both"}, EVERYBODY - between([["gw1"], ["cp1"]])),
        ("partition", ["gw1", "cp1"], {"controller": "none"}, set()),
        ("supervisor-killed", [], {}, EVERYBODY),
    ],
)
def test_who_reaches_whom(
    faults: Faults, fault: str, targets: list[str], parameters: dict[str, str], reached: set[Pair]
) -> None:
    with faults.on(fault, *targets, **parameters):
        assert differences(baseline(), reached) == []


def test_a_cut_wire_stays_cut_over_a_power_cycle_and_has_no_carrier(faults: Faults) -> None:
    with faults.on("link-cut", "gw1"), faults.on("reboot", "gw1", by="switch"):
        link = run_lab("enter", "gw1", "--lab", NAME, "--", "ip", "-brief", "link", "show", "eth0").stdout
        assert "NO-CARRIER" in link
        assert differences(baseline(), WITHOUT_GATEWAY) == []


def test_a_partition_stays_over_a_power_cycle_and_a_new_supervisor(faults: Faults) -> None:
    with faults.on("partition", "cp1", "gw1", controller="first"):
        for fault, targets in (("reboot", ["gw1"]), ("supervisor-killed", [])):
            with faults.on(fault, *targets):
                pass
            assert differences(baseline(), WITHOUT_GATEWAY) == []


@pytest.mark.parametrize("by", ["talos", "switch"])
def test_a_reboot_boots_one_node_again(faults: Faults, by: str) -> None:
    before = boot_ids()
    with faults.on("reboot", "gw1", by=by):
        pass
    after = boot_ids()
    assert after["cp1"] == before["cp1"]
    assert after["gw1"] not in ("", before["gw1"])


def test_a_lab_without_supervisor_comes_back_with_the_same_machines(faults: Faults) -> None:
    before = nodes_of()
    marker = ["sh", "-c", "echo kept > /var/marker"]
    run_lab("enter", "cp1", "--lab", NAME, "--", *marker)
    with faults.on("power-off", "gw1"):
        with faults.on("supervisor-killed"):
            assert state_of() == "dead"
            first = run_lab("enter", "cp1", "--lab", NAME, "--", "cat", "/proc/1/comm").stdout
            assert first.strip() == "pause"
        assert state_of() == "running"
        assert nodes_of()["gw1"]["stage"] == "off"
    wait_until("machines", lambda: (stages() == {"maintenance"}, str(stages())), LIFTING_SECONDS)
    after = nodes_of()
    volatile = {"boot_id"}
    for name, node in before.items():
        assert {key: value for key, value in after[name].items() if key not in volatile} == {
            key: value for key, value in node.items() if key not in volatile
        }
    assert run_lab("enter", "cp1", "--lab", NAME, "--", "cat", "/var/marker").stdout == "kept\n"


def test_a_disk_that_is_lost_takes_what_was_on_it_and_leaves_the_rest(faults: Faults) -> None:
    for name in ("cp1", "gw1"):
        run_lab("enter", name, "--lab", NAME, "--", "sh", "-c", "echo kept > /var/marker")
    before = boot_ids()
    with faults.on("disk-lost", "gw1"):
        pass
    found = {name: run_lab("enter", name, "--lab", NAME, "--", "ls", "/var").stdout.split() for name in before}
    assert ("marker" in found["cp1"], "marker" in found["gw1"]) == (True, False)
    after = boot_ids()
    assert (after["cp1"], after["gw1"] not in ("", before["gw1"])) == (before["cp1"], True)


def test_a_supervisor_that_died_by_itself_is_started_again_by_command(faults: Faults) -> None:
    os.kill(supervisor_of(), signal.SIGKILL)
    assert json.loads(run_lab("recover", NAME, "--json").stdout)["changed"] is True
    assert json.loads(run_lab("recover", NAME, "--json").stdout)["changed"] is False


def test_a_test_that_raises_leaves_no_fault(faults: Faults) -> None:
    class Crash(Exception):
        pass

    with pytest.raises(Crash), faults.on("power-off", "gw1"), faults.on("link-cut", "cp1"):
        raise Crash
    assert_baseline()


KILLED_TEST = """
import os, signal
from ansible_collections.homelab.talos.tests.lab.test_faults import NAME, handle
from ansible_collections.homelab.talos.tests.testinfra.faults import Faults
faults = Faults(handle(NAME))
with faults.on("power-off", "gw1"), faults.on("supervisor-killed"):
    print(len(faults.held()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_test_process_that_is_killed_leaves_no_fault(faults: Faults) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".collections")}
    done = subprocess.run(
        [sys.executable, "-c", KILLED_TEST], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "2\n"), done.stderr
    wait_until("the faults to be lifted", lambda: (not faults.held(), str(faults.held())), LIFTING_SECONDS)
    assert_baseline()


def test_a_command_runs_under_a_fault_that_is_lifted_however_it_ends(faults: Faults) -> None:
    seen = ["sh", "-c", f"ip -n {NAME}-router -brief link show p12; exit 7"]
    done = run_lab("fault", "run", "link-cut", "gw1", "--lab", NAME, "--", *seen, check=False)
    assert done.returncode == 7
    assert "DOWN" in done.stdout
    missing = run_lab("fault", "run", "link-cut", "gw1", "--lab", NAME, "--", "/nonexistent", check=False)
    assert missing.stderr.splitlines()[-1].startswith("error: /nonexistent: No such file or directory;")


def test_the_killed_command_line_of_a_fault_leaves_no_fault(faults: Faults) -> None:
    run_lab("fault", "run", "link-cut", "gw1", "--lab", NAME, "--", "sh", "-c", "kill -9 $PPID", check=False)
    wait_until("the fault to be lifted", lambda: (not faults.held(), str(faults.held())), LIFTING_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["burn", "gw1"], "there is no fault 'burn'; the faults are disk-lost, link-cut, partition, power-off,"),
        (["link-cut", "gw9"], "lab lc-faults has no node 'gw9'; its nodes are cp1, gw1"),
        (["link-cut"], "fault link-cut is about a node, not nothing; name one node"),
        (["partition", "cp1", "gw1"], "fault partition: parameter controller is missing; give --set controller="),
        (["link-cut", "gw1", "--set", "speed"], "--set speed: not of the form NAME=VALUE;"),
        (["program-stopped", "gw1", "--set", "program=kubelet"], "node gw1 does not run kubelet;"),
        (["link-cut", "gw1", "--owner", "4194999"], "there is no process 4194999 to own the fault;"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_and_changes_nothing(
    machines: Faults, arguments: list[str], expected: str
) -> None:
    done = run_lab("fault", "on", *arguments, "--lab", NAME, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {expected}")
    assert len(done.stderr.strip().splitlines()) == 1
    assert machines.held() == []


def test_a_fault_that_is_on_or_cannot_be_is_refused(faults: Faults) -> None:
    with faults.on("link-cut", "gw1"), faults.on("power-off", "gw1") as power:
        with pytest.raises(FaultRefused, match="link-cut is on already for gw1; lift it first: .* link-cut-1"):
            faults.on("link-cut", "gw1").__enter__()
        with pytest.raises(FaultRefused, match="node gw1 is powered off; start gw1 first"):
            faults.on("reboot", "gw1").__enter__()
        unknown = run_lab("fault", "off", "reboot-7", "--lab", NAME, check=False)
        on = f"link-cut-1, {power}"
        assert unknown.stderr.strip() == f"error: lab {NAME} has no fault 'reboot-7'; the faults that are on: {on}"
        neither = run_lab("fault", "off", "--lab", NAME, check=False)
        assert neither.stderr.strip().endswith("name their ids, or give --all")
    assert json.loads(run_lab("fault", "off", "--all", "--lab", NAME, "--json").stdout) == {
        "changed": False,
        "lifted": [],
    }


def test_down_leaves_nothing_with_faults_on(described: Described) -> None:
    before = host_snapshot("lc-broken")
    run_lab("up", "-f", described("lc-broken", 212))
    words = [["power-off", "gw1"], ["link-cut", "cp1"], ["partition", "cp1", "gw1", "--set", "controller=none"]]
    for each in [*words, ["supervisor-killed"]]:
        run_lab("fault", "on", *each, "--lab", "lc-broken", "--owner", str(os.getpid()))
    during = host_snapshot("lc-broken")
    guards = [line for line in during["processes"] if "talos.lab.faults.guard" in line]
    assert len(guards) == 4
    run_lab("down", "lc-broken")
    assert host_snapshot("lc-broken") == before


def test_faults_of_one_lab_are_not_felt_in_another(faults: Faults, described: Described) -> None:
    run_lab("up", "-f", described("lc-other", 211))
    other = nodes_of("lc-other")
    assert differences(baseline("lc-other", 211), EVERYBODY) == []
    with faults.on("partition", "cp1", "gw1", controller="none"), faults.on("supervisor-killed"):
        assert differences(baseline("lc-other", 211), EVERYBODY) == []
        assert Faults(handle("lc-other")).held() == []
        with Faults(handle("lc-other")).on("link-cut", "gw1"):
            assert differences(baseline("lc-other", 211), WITHOUT_GATEWAY) == []
            assert differences(baseline(), set()) == []
    assert nodes_of("lc-other") == other


def test_a_cut_that_cuts_nothing_is_seen(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the effects: they are measured, not believed."""
    monkeypatch.setattr(LinkCut, "apply", lambda *_arguments: None)
    record = read_record().labs[NAME]
    held = switch.switch_on(record, "link-cut", ["gw1"], {})
    found = differences(baseline(), WITHOUT_GATEWAY)
    switch.lift(record, [held.id])
    assert "cp1 reaches gw1" in found


def test_a_fault_that_is_not_lifted_is_seen(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the baseline: what says that it lifted and did not is found out."""
    record = read_record().labs[NAME]
    with monkeypatch.context() as patch:
        patch.setattr(LinkCut, "lift", lambda *_arguments: None)
        held = switch.switch_on(record, "link-cut", ["gw1"], {})
        assert switch.lift(record, [held.id]) == [held.id]
    with pytest.raises(AssertionError, match="does not reach gw1"):
        assert_baseline()
    with faults.on("link-cut", "gw1"):
        pass
