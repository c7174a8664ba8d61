# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three control planes behind one shared address."""

from __future__ import annotations

from typing import Any

import pytest

ENDPOINTS = "KubePrismEndpoints.kubernetes.talos.dev"


@pytest.mark.layer("L2")
def test_exactly_one_control_plane_holds_the_shared_address(node: Any, expected: Any) -> None:
    holders = []
    for name in expected.nodes:
        statuses = node(name).talos.resources("network", "AddressStatuses.net.talos.dev")
        holders += [name for item in statuses if item.spec["address"] == f"{expected.network['vip']}/32"]
    assert len(holders) == 1
    assert expected.nodes[holders[0]].machine_type == "controlplane"


@pytest.mark.layer("L3")
def test_kubeprism_balances_over_every_control_plane(host: Any, expected: Any) -> None:
    item = host.talos.resource("k8s", ENDPOINTS, "k8s-cluster")
    found = {(each["host"], each["port"]) for each in item.spec["endpoints"]}
    planes = {(each.address, 6443) for each in expected.nodes.values() if each.machine_type == "controlplane"}
    assert found - {("localhost", 6443)} == planes | {(expected.network["vip"], 6443)}
