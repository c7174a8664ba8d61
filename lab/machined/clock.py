# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lab time: limits and pauses run on it, and it can be moved forward, so that long limits of Talos need no long tests.

What is stamped (events, logs, resources, certificates) carries the time of day, which is never moved: the real programs
of a node live in it too, and would refuse a certificate from the future.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class LabClock:
    """Real time plus everything skipped with :meth:`advance`, running *speed* times as fast.

    ``speed`` 1.0 is real time. Sleepers are woken by :meth:`advance` as soon as their moment has passed.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"clock speed {speed} is not positive: give a factor such as 1.0 or 60.0")
        self._speed = speed
        self._origin = time.monotonic()
        self._skipped = 0.0
        self._moved: set[asyncio.Event] = set()

    @property
    def skipped(self) -> float:
        """Seconds of lab time that were skipped so far."""
        return self._skipped

    def monotonic(self) -> float:
        """Return seconds of lab time since the clock was made."""
        return (time.monotonic() - self._origin) * self._speed + self._skipped

    def now(self) -> datetime:
        """Return the time of day (UTC, aware)."""
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        """Skip *seconds* of lab time for everybody who uses this clock."""
        self._skipped += seconds
        for moved in self._moved:
            moved.set()

    async def sleep(self, seconds: float) -> None:
        """Wait until *seconds* of lab time have passed."""
        due = self.monotonic() + seconds
        moved = asyncio.Event()
        self._moved.add(moved)
        try:
            while (left := due - self.monotonic()) > 0:
                try:
                    async with asyncio.timeout(left / self._speed):
                        await moved.wait()
                except TimeoutError:
                    continue
                moved.clear()
        finally:
            self._moved.discard(moved)
