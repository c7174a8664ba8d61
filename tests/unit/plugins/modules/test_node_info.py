# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_info: many nodes, one outcome each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import CertificateRefused, Unreachable
from ansible_collections.homelab.talos.plugins.modules import node_info
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld


@pytest.fixture
def nodes(world: FakeWorld) -> list[FakeNode]:
    made = [FakeNode("198.18.1.11"), FakeNode("198.18.1.12", stage="booting", ready=False)]
    made[1].unmet = [{"name": "services", "reason": "kubelet not running"}]
    world.nodes.update({node.address: node for node in made})
    return made


@pytest.fixture
def options(talosconfig: Path) -> dict[str, Any]:
    return {"talosconfig": str(talosconfig), "sections": ["version", "status"]}


def test_many_nodes(run_module: Any, options: dict[str, Any], nodes: list[FakeNode]) -> None:
    result = run_module(node_info, **options, endpoints=["198.18.1.11", "198.18.1.12"])
    first, second = result["nodes"]
    assert (first["endpoint"], first["via"], first["stage"], first["ready"]) == ("198.18.1.11", "mtls", "running", True)
    assert first["version"]["tag"] == "v1.13.9"
    assert second["unmet_conditions"] == [{"name": "services", "reason": "kubelet not running"}]
    assert not result["changed"]


def test_one_dead_node_fails_after_all_were_asked(
    run_module: Any, options: dict[str, Any], nodes: list[FakeNode]
) -> None:
    nodes[0].refuse["connect"] = Unreachable("198.18.1.11:50000", "no connection within 10 s")
    addresses = ["198.18.1.11", "198.18.1.12"]
    result = run_module(node_info, **options, endpoints=addresses)
    assert result["exit_status"] == 1
    assert result["msg"].startswith("1 of 2 node(s) cannot be asked: 198.18.1.11:50000: no connection within 10 s")
    assert [node.get("stage") for node in result["nodes"]] == [None, "booting"]
    assert result["nodes"][0]["error"].startswith("198.18.1.11:50000: no connection")
    allowed = run_module(node_info, **options, endpoints=addresses, allow_unreachable=True)
    assert allowed["exit_status"] == 0
    assert allowed["nodes"] == result["nodes"]


def test_wrong_authority(run_module: Any, options: dict[str, Any], nodes: list[FakeNode]) -> None:
    nodes[0].refuse["connect"] = CertificateRefused(
        "198.18.1.11:50000", "the node does not belong to the cluster of the talosconfig"
    )
    result = run_module(node_info, **options, endpoint="198.18.1.11")
    assert result["exit_status"] == 1
    assert "does not belong to the cluster of the talosconfig" in result["msg"]
    assert "remedy: use the talosconfig of this cluster" in result["msg"]


def test_maintenance(run_module: Any, options: dict[str, Any], nodes: list[FakeNode]) -> None:
    nodes[0].stage = "maintenance"
    refused = run_module(node_info, **options, endpoint="198.18.1.11")
    assert "apply a machine configuration (maintenance: allowed)" in refused["msg"]
    result = run_module(node_info, **options, endpoint="198.18.1.11", maintenance="allowed")
    assert (result["nodes"][0]["via"], result["nodes"][0]["stage"]) == ("maintenance", "maintenance")


def test_only_maintenance_needs_no_talosconfig(run_module: Any, nodes: list[FakeNode], tmp_path: Path) -> None:
    nodes[0].stage = "maintenance"
    result = run_module(
        node_info,
        endpoint="198.18.1.11",
        maintenance="only",
        sections=["status"],
        talosconfig=str(tmp_path / "missing"),
    )
    assert result["nodes"][0]["stage"] == "maintenance"
