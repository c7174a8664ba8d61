# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: services and DNS work from every node and from a pod on every node, all pairs, with exact values.

From a node means: in its network, with its resolver; names of the cluster are asked of the DNS service by its address,
because a node of Talos does not know them.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

pytestmark = pytest.mark.layer("L4")


def from_everywhere(expected: Any, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the table in which every node, and a pod on every node, finds the same values."""
    sources = [f"node {name}" for name in expected.nodes] + [f"pod on {name}" for name in expected.nodes]
    return {source: dict(values) for source in sources}


def names_of_the_targets(expected: Any) -> dict[str, str]:
    """Return node -> what the pod on it calls itself."""
    return {name: f"target-{name}" for name in expected.nodes}


def test_every_pod_answers_at_its_address_everywhere(traffic: Any, expected: Any) -> None:
    assert traffic.at_pods == from_everywhere(expected, names_of_the_targets(expected))


def test_every_pod_answers_at_its_service_address_everywhere(traffic: Any, expected: Any) -> None:
    assert traffic.at_services == from_everywhere(expected, names_of_the_targets(expected))


def test_every_pod_answers_at_its_service_name_everywhere(traffic: Any, expected: Any) -> None:
    assert traffic.at_names == from_everywhere(expected, names_of_the_targets(expected))


def test_every_name_leads_to_exactly_its_address_everywhere(traffic: Any, expected: Any) -> None:
    addresses = {name: [address] for name, address in traffic.services.items()}
    assert traffic.names == from_everywhere(expected, {**addresses, "kubernetes": [expected.cluster["api"]]})


def test_service_addresses_are_of_the_declared_range(traffic: Any, expected: Any) -> None:
    declared = ipaddress.ip_network(expected.cluster["services"])
    outside = {name for name, address in traffic.services.items() if ipaddress.ip_address(address) not in declared}
    assert outside == set()
    assert set(traffic.services) == expected.names()


def test_the_api_answers_at_its_service_everywhere(traffic: Any, expected: Any) -> None:
    version = expected.versions["kubernetes"]
    assert traffic.api_versions == from_everywhere(expected, {"address": version, "name": version})
