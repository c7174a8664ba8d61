# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries from outside become what gateway_health judges."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.filter.reachability import FilterModule

FILTER = FilterModule().filters()["reachability"]
ITEM = {"network": "10.96.0.0/12", "address": "10.96.0.1", "port": 443, "what": "service kubernetes"}


@pytest.mark.parametrize(
    ("result", "ok", "observed"),
    [
        ({"rc": 0, "stdout": "anything"}, True, ""),
        ({"rc": 1, "stderr": "a\nConnection refused\n"}, False, "Connection refused"),
        ({"rc": 124, "stdout": "", "stderr": ""}, False, ""),
        ({"msg": "no such program"}, False, "no such program"),
    ],
)
def test_each_try(result: dict[str, Any], ok: bool, observed: str) -> None:
    assert FILTER([{"item": ITEM, **result}]) == [
        {"network": "10.96.0.0/12", "target": "service kubernetes (10.96.0.1:443)", "ok": ok, "observed": observed}
    ]
