# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway routes exactly the networks of the cluster: advertised, approved and served, each seen at the server."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra import gateway_checks

CONFIGURED = "ExtensionServiceConfigs.runtime.talos.dev"
SERVICE = "ext-tailscale"
pytestmark = pytest.mark.layer("L4")


def test_the_gateway_advertises_the_networks_of_the_cluster(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.routes_are_advertised(gateway_facts, gateway_wanted) == []


def test_the_server_approves_exactly_these(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.routes_are_approved(gateway_facts, gateway_wanted) == []


def test_the_server_gives_exactly_these_to_clients(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.routes_are_served(gateway_facts, gateway_wanted) == []


def test_the_gateway_is_a_tagged_device(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.gateway_is_a_tagged_device(gateway_facts, gateway_wanted) == []


def test_the_gateway_forwards(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.gateway_forwards(gateway_facts, gateway_wanted) == []


def test_the_gateway_logs_in_once_and_keeps_its_state(node: Any, expected: Any) -> None:
    gateway = node(expected.tailnet["gateway"])
    (document,) = gateway.talos.resources("runtime", CONFIGURED)
    environment = set(document.spec["environment"])
    assert {"TS_AUTH_ONCE=true", "TS_STATE_DIR=/var/lib/tailscale", "TS_USERSPACE=false"} <= environment
    services, pods = expected.cluster["services"], expected.network["pods"]
    assert {f"TS_ROUTES={services},{pods}", f"TS_ROUTES={pods},{services}"} & environment


def test_the_service_of_the_gateway_is_the_real_program(node: Any, expected: Any) -> None:
    service = node(expected.tailnet["gateway"]).service(SERVICE)
    assert service.is_running
    assert "stand-in" not in service.message
