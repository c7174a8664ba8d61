# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: for a condition, with a limit, with the last observed value."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, WaitTimeout, wait_for


class FakeTime:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    def pace(self, interval: float = 2.0) -> Pace:
        return Pace(interval, lambda: self.now, self.pause)


def wait(time: FakeTime, looks: list[Observed[str]], timeout: float) -> str:
    remaining = list(looks)

    async def look() -> Observed[str]:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return asyncio.run(wait_for("the kettle to boil", look, timeout, time.pace()))


def test_what_holds_at_once_is_not_waited_for() -> None:
    time = FakeTime()
    assert wait(time, [Observed(True, "100 degrees", "tea")], 0) == "tea"
    assert time.pauses == []


def test_looks_until_it_holds() -> None:
    time = FakeTime()
    looks = [Observed(False, "20", ""), Observed(False, "60", ""), Observed(True, "100", "tea")]
    assert wait(time, looks, 10) == "tea"
    assert time.pauses == [2.0, 2.0]


def test_the_limit_is_kept_and_the_last_value_told() -> None:
    time = FakeTime()
    with pytest.raises(WaitTimeout) as raised:
        wait(time, [Observed(False, "20 degrees", "")], 5)
    assert str(raised.value) == "waited 5 s for the kettle to boil; last observed: 20 degrees"
    assert (raised.value.awaited, raised.value.seconds, raised.value.last) == ("the kettle to boil", 5, "20 degrees")
    assert time.pauses == [2.0, 2.0, 1.0]


def test_without_a_limit_there_is_one_look() -> None:
    time = FakeTime()
    with pytest.raises(WaitTimeout):
        wait(time, [Observed(False, "20 degrees", "")], 0)
    assert time.pauses == []
