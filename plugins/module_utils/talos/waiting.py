# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a condition, never for a length of time.

A wait names what it waits for, asks again and again, and ends with the last thing it saw.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


class WaitTimeout(Exception):
    """The condition did not come true in time.

    ``str()`` is one line: what was awaited, for how long, the last observed value.

    :ivar awaited: what was waited for.
    :ivar seconds: how long.
    :ivar last: the last observed value, described in words.
    """

    def __init__(self, awaited: str, seconds: float, last: str) -> None:
        self.awaited = awaited
        self.seconds = seconds
        self.last = last
        super().__init__(f"waited {seconds:g} s for {awaited}; last observed: {last}")


@dataclass(frozen=True)
class Observed(Generic[Value]):
    """What one look has shown.

    :param done: whether the wait is over.
    :param description: the observed value in words, shown when the time is over.
    :param value: what the wait returns when done.
    """

    done: bool
    description: str
    value: Value


class Pace:
    """Clock and pause of a wait, replaced in tests.

    :param interval: seconds between two looks.
    """

    def __init__(
        self,
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.interval = interval
        self.clock = clock
        self.pause = pause


async def wait_for(
    awaited: str,
    look: Callable[[], Awaitable[Observed[Value]]],
    timeout: float,
    pace: Pace | None = None,
) -> Value:
    """Look until the condition holds and return the observed value.

    The first look happens at once; with ``timeout`` 0 it is the only one.

    :param awaited: what is awaited, completing "waited 30 s for ...".
    :param timeout: limit in seconds.
    :raises WaitTimeout: the limit has passed.
    """
    pace = pace or Pace()
    started = pace.clock()
    while True:
        observed = await look()
        if observed.done:
            return observed.value
        elapsed = pace.clock() - started
        if elapsed >= timeout:
            raise WaitTimeout(awaited, timeout, observed.description)
        await pace.pause(min(pace.interval, timeout - elapsed))
