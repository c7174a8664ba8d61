# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong input: one message that names who, what and the remedy, exit status not 0, and nothing has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.bad_input.running import (
    HERE,
    Ended,
    differences,
    inventory,
    playbook,
    snapshot,
)
from ansible_collections.homelab.talos.tests.planted.changes import changed

pytestmark = pytest.mark.slow

GOOD: dict[str, Any] = yaml.safe_load((HERE / "inventory.yml").read_text(encoding="utf-8"))
FAULTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "faults.yml").read_text(encoding="utf-8"))


def check_refusal(ended: Ended, words: list[str]) -> None:
    """Check that a run ended with one message that holds all the words."""
    assert ended.status != 0, ended.output
    assert "Traceback" not in ended.output
    assert len(ended.errors) == 1, ended.errors
    assert [word for word in words if word not in ended.errors[0]] == [], ended.errors[0]


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_of_the_inventory(fault: str, tmp_path: Path) -> None:
    hosts = inventory(tmp_path, changed(GOOD, FAULTS[fault]["change"]))
    before = snapshot(tmp_path)
    check_refusal(playbook("site", hosts), FAULTS[fault]["words"])
    assert differences(before, snapshot(tmp_path)) == {}


@pytest.mark.parametrize("fault", ["host with two roles", "two gateways", "unknown Talos version", "no host"])
def test_validate_refuses_it_too(fault: str, tmp_path: Path) -> None:
    hosts = inventory(tmp_path, changed(GOOD, FAULTS[fault]["change"]))
    before = snapshot(tmp_path)
    check_refusal(playbook("validate", hosts), FAULTS[fault]["words"])
    assert differences(before, snapshot(tmp_path)) == {}


def test_an_inventory_that_is_not_there(tmp_path: Path) -> None:
    check_refusal(playbook("validate", tmp_path / "nowhere.yml"), ["nowhere.yml"])


def test_an_inventory_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_bytes(bytes(range(1, 255)))
    check_refusal(playbook("validate", path), [str(path)])


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text('all:\n  children:\n    compute:\n      hosts:\n        a: {talos_address: "1"\n    gateway: {}\n')
    ended = playbook("site", path)
    check_refusal(ended, [str(path)])
    assert f"{path}:6:" in ended.output


def test_broken_yaml_of_variables_names_file_and_line(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, GOOD)
    (tmp_path / "group_vars").mkdir()
    path = tmp_path / "group_vars" / "all.yml"
    path.write_text("talos_provider: emulated\ntalos_install: {disk: [\n")
    ended = playbook("site", hosts)
    check_refusal(ended, [])
    assert f"{path}:3:" in ended.output or f"{path}:2:" in ended.output


def test_a_missing_engine(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, GOOD)
    before = snapshot(tmp_path)
    ended = playbook("site", hosts, environment={"HOMELAB_TALOS_ENGINE": str(tmp_path / "engine")})
    check_refusal(
        ended, ["lab bad-input", str(tmp_path / "engine"), "lacks the programs", "unset HOMELAB_TALOS_ENGINE"]
    )
    assert differences(before, snapshot(tmp_path)) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a capability away from root")
def test_no_permission_for_namespaces(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, GOOD)
    before = snapshot(tmp_path)
    without = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    ended = playbook("site", hosts, prefix=without)
    check_refusal(ended, ["lab bad-input", "no permission to make network namespaces", "run this as root"])
    assert differences(before, snapshot(tmp_path)) == {}


def test_a_reset_that_nobody_confirmed(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, GOOD)
    before = snapshot(tmp_path)
    check_refusal(playbook("reset", hosts), ["Nothing was erased", "cluster bad-input", "reset_confirm=bad-input"])
    assert differences(before, snapshot(tmp_path)) == {}


def test_a_reset_of_nodes_that_are_not_there(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, GOOD)
    before = snapshot(tmp_path)
    check_refusal(playbook("reset", hosts, "-e", "reset_confirm=bad-input"), ["Nothing was erased", "does not run"])
    assert differences(before, snapshot(tmp_path)) == {}


def test_machines_that_are_not_there_block_and_are_no_defect(tmp_path: Path) -> None:
    """LAB-05: the status is blocked, with what is missing; nothing is guessed, nothing is touched."""
    hosts = inventory(tmp_path, changed(GOOD, {"/all/children": {}, "/all/vars/talos_provider": "hardware"}))
    report = tmp_path / "report.json"
    ended = playbook("validate", hosts, "-e", f"validate_report={report}")
    assert ended.status == 0, ended.output
    found = yaml.safe_load(report.read_text(encoding="utf-8"))
    assert found["status"] == "blocked"
    assert [item.partition(":")[0] for item in found["missing"]] == ["nodes"]


def test_machines_with_addresses_of_an_emulated_lab_are_not_spoken_to(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, changed(GOOD, {"/all/vars/talos_provider": "hardware"}))
    report = tmp_path / "report.json"
    ended = playbook("validate", hosts, "-e", f"validate_report={report}")
    assert ended.status == 0, ended.output
    found = yaml.safe_load(report.read_text(encoding="utf-8"))
    assert found["status"] == "blocked"
    for line in found["missing"][:-1]:
        assert "talos_address is one of an emulated lab" in line
    assert [item.partition(":")[0] for item in found["missing"]] == ["cp1", "node1", "gw1", "credentials"]


def test_machines_without_credentials_block(tmp_path: Path) -> None:
    # Addresses of this machine itself on which nothing listens: no packet leaves.
    change = {
        "/all/vars/talos_provider": "hardware",
        "/all/vars/talos_cluster/endpoint": "https://127.0.9.11:6443",
        "/all/vars/talos_network": {"prefix": 24},
    }
    for number, (group, name) in enumerate((("controlplane", "cp1"), ("compute", "node1"), ("gateway", "gw1")), 11):
        change[f"/all/children/{group}/hosts/{name}/talos_address"] = f"127.0.9.{number}"
    hosts = inventory(tmp_path, changed(GOOD, change))
    report = tmp_path / "report.json"
    ended = playbook("validate", hosts, "-e", f"validate_report={report}", "-e", "lab_reach_timeout=1")
    assert ended.status == 0, ended.output
    found = yaml.safe_load(report.read_text(encoding="utf-8"))
    assert found["status"] == "blocked"
    assert [item.partition(":")[0] for item in found["missing"]] == ["cp1", "node1", "gw1", "credentials"]
    assert not (tmp_path / "workspace").exists()


def test_site_stops_where_machines_are_missing(tmp_path: Path) -> None:
    hosts = inventory(tmp_path, changed(GOOD, {"/all/children": {}, "/all/vars/talos_provider": "hardware"}))
    check_refusal(playbook("site", hosts), ["inventory", "has no host"])
