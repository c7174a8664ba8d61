# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as operators write them."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.duration import DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86400), ("1d", 86400), ("1h30m", 5400), ("1.5h", 5400), (" 7d ", 604800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == datetime.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "24", "1h 30m", "-1h", "0s", "1y", "h"])
def test_no_durations(text: str) -> None:
    with pytest.raises(DurationError) as raised:
        parse_duration(text)
    assert repr(text) in str(raised.value)
    assert "24h" in str(raised.value)
