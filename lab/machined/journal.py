# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel ring and service logs of one node, bounded, with followers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock

RING_LINES = 4096
LOG_LINES = 4096


class Log:
    """The last lines of one source; readers may follow."""

    def __init__(self, limit: int) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=limit)
        self._count = 0
        self._grown = asyncio.Event()

    def write(self, line: str) -> None:
        """Append one line (without line end)."""
        self._count += 1
        self._lines.append((self._count, line))
        self._grown.set()
        self._grown = asyncio.Event()

    def tail(self, lines: int = -1) -> list[str]:
        """Return the last *lines* lines, all of them for -1."""
        kept = [line for _number, line in self._lines]
        return kept if lines < 0 else kept[len(kept) - lines :] if lines else []

    async def follow(self, lines: int = -1, end: asyncio.Event | None = None) -> AsyncGenerator[str, None]:
        """Yield the tail, then every further line as it comes, until *end* is set."""
        seen = self._count
        for line in self.tail(lines):
            yield line
        ending = asyncio.create_task((end or asyncio.Event()).wait())
        try:
            while True:
                grown = self._grown
                for number, line in tuple(self._lines):
                    if number > seen:
                        seen = number
                        yield line
                if self._count == seen:
                    if ending.done():
                        return
                    await _either(grown, ending)
        finally:
            ending.cancel()


async def _either(event: asyncio.Event, task: asyncio.Task[bool]) -> None:
    """Return as soon as the event is set or the task is done; cancelled, it leaves nothing behind."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


class Journal:
    """dmesg and the logs of services; a service whose process writes its own file is read from there."""

    def __init__(self, clock: Clock, directory: Path) -> None:
        self._clock = clock
        self._directory = directory
        self._boot = clock.monotonic()
        self.kernel = Log(RING_LINES)
        self._services: dict[str, Log] = {}

    def restart(self) -> None:
        """Forget everything in memory, as a power cycle does."""
        self._boot = self._clock.monotonic()
        self.kernel = Log(RING_LINES)
        self._services.clear()

    def dmesg(self, message: str, facility: str = "user", priority: str = "warning") -> None:
        """Write one message into the kernel ring, in the form the API shows it.

        Source: siderolabs/talos API, Dmesg: ``facility: priority: [RFC3339Nano]: message``.
        """
        stamp = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.kernel.write(f"{facility}: {priority:>7}: [{stamp}]: {message}")

    def talos(self, message: str) -> None:
        """Write a message of machined: to its own log and to the kernel ring, line by line."""
        for line in filter(None, message.split("\n")):
            self.dmesg(f"[talos] {line}")
            self.service("machined").write(f"[talos] {line}")

    def service(self, id: str) -> Log:
        """Return the log of a service emulated inside machined, made on first use."""
        return self._services.setdefault(id, Log(LOG_LINES))

    def file(self, id: str) -> Path:
        """Return the file that collects the output of the process *id*."""
        return self._directory / f"{id}.log"

    def ids(self) -> list[str]:
        """Return the ids for which there is a log."""
        files = {path.stem for path in self._directory.glob("*.log")} if self._directory.is_dir() else set()
        return sorted(files | set(self._services))
