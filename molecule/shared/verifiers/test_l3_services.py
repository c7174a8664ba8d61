# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L3: on every node exactly the expected extensions and services are there, and all of them run."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.layer("L3")


def test_extensions_are_exactly_those_of_the_role(host: Any, me: Any, expected: Any) -> None:
    assert set(host.talos.extensions) == expected.extensions_of(me.name)


def test_services_are_exactly_the_expected_ones_and_run(host: Any, me: Any, expected: Any) -> None:
    assert host.talos.services == dict.fromkeys(expected.services_of(me.name), "Running")


def test_no_service_is_unhealthy(host: Any) -> None:
    unhealthy = {
        name: host.service(name).message for name in host.service.names() if host.service(name).is_healthy is False
    }
    assert unhealthy == {}


def test_no_service_is_waiting(host: Any) -> None:
    waiting = {name: host.service(name).message for name, state in host.talos.services.items() if state == "Waiting"}
    assert waiting == {}


def test_machine_is_ready(host: Any) -> None:
    assert host.talos.unmet_conditions == {}
    assert host.talos.ready


def test_kubeprism_reaches_an_api_server(host: Any) -> None:
    found = {item.id: item.spec for item in host.talos.resources("k8s", "KubePrismStatuses.kubernetes.talos.dev")}
    assert found == {"k8s-loadbalancer": {"host": "127.0.0.1:7445", "healthy": True}}


def test_boot_has_finished(host: Any) -> None:
    assert host.talos.stage == "running"
