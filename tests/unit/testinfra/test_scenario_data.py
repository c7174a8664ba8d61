# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scenario must look like, and what its provider can do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected, ExpectedNode, host_problems
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle, MissingCapability
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT

SHARED = ROOT / "molecule/shared/verifiers/expected.yml"
# Scenarios without nodes judge files of upstream and of images.
SCENARIOS = sorted(
    path.parent.parent
    for path in (ROOT / "molecule").glob("*/tests/expected.yml")
    if "nodes" in yaml.safe_load(path.read_text(encoding="utf-8"))
)


def expected(*names: str, hosts: int = 2) -> Expected:
    nodes = {name: ExpectedNode(name, "worker", "compute", "198.18.1.9") for name in names}
    return Expected(hosts, nodes, 0, {}, {}, {}, frozenset(), {}, {}, {})


def test_all_hosts_tested() -> None:
    assert host_problems({"a", "b"}, {"a", "b"}, expected("a", "b")) == []


@pytest.mark.parametrize(
    ("tested", "inventory", "declared", "words"),
    [
        ("a", "ab", "ab", "b is in the inventory, and no test runs on it"),
        ("abc", "ab", "ab", "tests run on c"),
        ("ab", "ab", "a", "b is in the inventory and not expected"),
        ("a", "a", "ab", "b is expected and not in the inventory"),
        ("abc", "abc", "abc", "2 hosts are declared, the inventory has 3"),
    ],
)
def test_a_difference_of_hosts_is_seen(tested: str, inventory: str, declared: str, words: str) -> None:
    assert any(words in problem for problem in host_problems(tested, inventory, expected(*declared)))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_expectations_are_whole(scenario: Path) -> None:
    wanted = Expected.load(SHARED, scenario / "tests/expected.yml")
    assert wanted.hosts == len(wanted.nodes)
    assert len(wanted.names("gateway")) == wanted.gateways
    for name in wanted.nodes:
        assert wanted.extensions_of(name)
        assert {"apid", "machined", "kubelet"} <= wanted.services_of(name)


def test_the_control_plane_has_what_workers_have_not() -> None:
    wanted = Expected.load(SHARED, ROOT / "molecule/mixed-role/tests/expected.yml")
    assert wanted.services_of("cp1") - wanted.services_of("node1") == {"etcd", "trustd"}
    assert wanted.services_of("gw1") - wanted.services_of("node1") == {"ext-tailscale"}
    assert wanted.extensions_of("gw1") - wanted.extensions_of("node1") == {"tailscale"}


def test_a_provider_without_handle_can_do_nothing(tmp_path: Path) -> None:
    assert LabHandle.load(tmp_path / "none.json").capabilities == frozenset()
    with pytest.raises(MissingCapability, match="cannot exec"):
        LabHandle.load(None).act("exec", "cp1")


def test_a_command_names_the_node(tmp_path: Path) -> None:
    program = "import os, sys; print(os.environ['MARK'], *sys.argv[1:])"
    handle = {
        "capabilities": ["exec"],
        "environment": {"MARK": "here"},
        "commands": {"exec": [sys.executable, "-c", program, "{node}", "--"]},
    }
    (tmp_path / "handle.json").write_text(json.dumps(handle))
    result = LabHandle.load(tmp_path / "handle.json").act("exec", "cp1", ["true", "x"])
    assert result.stdout.split() == ["here", "cp1", "--", "true", "x"]
