# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L1: every node boots, answers on its API and is the machine that the inventory says."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.layer("L1")


def test_api_answers_with_the_expected_version(host: Any, expected: Any) -> None:
    assert host.system_info.distribution == "talos"
    assert host.system_info.release == expected.versions["talos"]


def test_machine_type_is_that_of_the_inventory(host: Any, me: Any) -> None:
    assert host.talos.machine_type == me.machine_type


def test_hostname_is_the_inventory_name(host: Any, me: Any) -> None:
    assert host.talos.resource("network", "HostnameStatuses.net.talos.dev", "hostname").spec["hostname"] == me.name


def test_node_has_left_maintenance(host: Any) -> None:
    assert host.talos.stage in ("booting", "running")
