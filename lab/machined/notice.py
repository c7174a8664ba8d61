# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One notice board per node: whoever changes something posts, whoever waits for a condition looks again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class NoticeBoard:
    """Lets coroutines wait for any condition over the node's state without polling it."""

    def __init__(self) -> None:
        self._posted = asyncio.Event()
        self.count = 0

    def post(self) -> None:
        """Tell everybody who waits that something changed; ``count`` grows with every post."""
        self.count += 1
        self._posted.set()
        self._posted = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as *condition* holds; it is asked again after every post."""
        while True:
            posted = self._posted
            if condition():
                return
            await posted.wait()

    async def after(self, count: int) -> None:
        """Return as soon as ``count`` differs from the given one."""
        await self.until(lambda: self.count != count)
