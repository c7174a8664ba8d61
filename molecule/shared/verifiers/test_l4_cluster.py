# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: the nodes form one cluster, and it runs what it is given."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.layer("L4")

ROLE_LABEL = "homelab.talos/role"


def ready(node: Any) -> bool:
    """Return whether a Kubernetes node says that it is Ready."""
    return any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)


def test_every_node_sees_exactly_the_expected_members(host: Any, expected: Any) -> None:
    # Who holds the shared address shows it, too.
    shared = {expected.network.get("vip")}
    found = {
        name: (member["machineType"], set(member["addresses"]) - shared) for name, member in host.talos.members.items()
    }
    assert found == {name: (node.machine_type, {node.address}) for name, node in expected.nodes.items()}


def test_the_ready_nodes_are_exactly_the_expected_ones(kubernetes: Any, expected: Any) -> None:
    assert {node.metadata.name for node in kubernetes.list_node().items if ready(node)} == expected.names()


def test_no_other_node_is_registered(kubernetes: Any, expected: Any) -> None:
    assert {node.metadata.name for node in kubernetes.list_node().items} == expected.names()


def test_every_node_carries_the_label_of_its_role(kubernetes: Any, expected: Any) -> None:
    found = {node.metadata.name: node.metadata.labels.get(ROLE_LABEL) for node in kubernetes.list_node().items}
    assert found == {name: node.role for name, node in expected.nodes.items()}


def test_the_gateways_are_exactly_as_many_as_declared(kubernetes: Any, expected: Any) -> None:
    found = {node.metadata.name for node in kubernetes.list_node(label_selector=f"{ROLE_LABEL}=gateway").items}
    assert found == expected.names("gateway")
    assert len(found) == expected.gateways


def test_every_node_shows_kubernetes_its_declared_address(kubernetes: Any, expected: Any) -> None:
    found = {
        node.metadata.name: {a.address for a in node.status.addresses if a.type == "InternalIP"}
        for node in kubernetes.list_node().items
    }
    assert found == {name: {node.address} for name, node in expected.nodes.items()}


def test_every_kubelet_has_the_expected_version(kubernetes: Any, expected: Any) -> None:
    found = {node.metadata.name: node.status.node_info.kubelet_version for node in kubernetes.list_node().items}
    assert found == dict.fromkeys(expected.nodes, expected.versions["kubernetes"])


def test_no_node_refuses_pods(kubernetes: Any) -> None:
    assert {node.metadata.name for node in kubernetes.list_node().items if node.spec.unschedulable} == set()


def test_a_pod_runs_on_a_node_of_every_role(kubernetes: Any, expected: Any, workload: Any) -> None:
    roles = sorted({node.role for node in expected.nodes.values()})
    placed = {role: workload.run(role, {ROLE_LABEL: role}) for role in roles}
    assert {role for role, name in placed.items() if name in expected.names(role)} == set(roles)
