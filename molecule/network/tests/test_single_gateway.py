# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""There is one gateway: a second advertiser is found with its name, while everything goes on."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra import gateway_checks

pytestmark = pytest.mark.layer("L4")


def test_only_the_gateway_advertises(gateway_facts: Any, gateway_wanted: Any) -> None:
    assert gateway_checks.one_device_advertises(gateway_facts, gateway_wanted) == []
