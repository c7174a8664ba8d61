# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client outside of the cluster reaches a pod through the gateway, and the packets do take that way."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra import gateway_checks

pytestmark = pytest.mark.layer("L4")


def test_the_pod_answers_at_the_address_of_its_service(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.service_address_answers(gateway_facts, gateway_wanted) == []


def test_the_pod_answers_at_its_address(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.pod_address_answers(gateway_facts, gateway_wanted) == []


def test_the_pod_answers_at_the_name_of_its_service(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.service_name_answers(gateway_facts, gateway_wanted) == []


def test_the_name_leads_to_the_service(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.name_leads_to_the_service(gateway_facts, gateway_wanted) == []


def test_a_client_without_access_gets_no_answer(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.stranger_gets_nothing(gateway_facts, gateway_wanted) == []


def test_all_packets_pass_the_gateway(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.packets_pass_the_gateway(gateway_facts, gateway_wanted) == []


def test_only_the_tunnel_is_on_the_wire(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.only_the_tunnel_is_on_the_wire(gateway_facts, gateway_wanted) == []


def test_packets_of_full_size_pass(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.full_size_packets_pass(gateway_facts, gateway_wanted) == []
