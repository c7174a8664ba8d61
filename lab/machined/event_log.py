# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runtime events of a node: what the Events call streams.

Source: siderolabs/talos:api/machine/machine.proto and internal/app/machined/pkg/runtime/v1alpha1
(ring of the last events, xid ids, hello event).
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock

CAPACITY = 1000
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"


@dataclass(frozen=True)
class Event:
    """One event: protobuf message (machine.<Name>), id (time-sorted), actor id of the request behind it."""

    message: Any
    id: str
    actor_id: str
    time: datetime


def xid(seconds: int, machine: bytes, process: int, counter: int) -> str:
    """Return a 20 character, time-sorted id (rs/xid: 4 bytes time, 3 machine, 2 process, 3 counter)."""
    raw = struct.pack(">I", seconds) + machine[:3].ljust(3, b"\0") + struct.pack(">H", process & 0xFFFF)
    raw += struct.pack(">I", counter & 0xFFFFFF)[1:]
    number = int.from_bytes(raw, "big") << 4
    return "".join(_BASE32HEX[number >> shift & 31] for shift in range(95, -1, -5))


class EventLog:
    """The last events of a node and those who wait for the next ones."""

    def __init__(self, clock: Clock, machine: str) -> None:
        self._clock = clock
        self._machine = machine.encode()
        self._counter = itertools.count(1)
        self._events: deque[Event] = deque(maxlen=CAPACITY)
        self._queues: set[asyncio.Queue[Event]] = set()

    def publish(self, message: Any, actor_id: str = "") -> None:
        """Append an event and hand it to every subscriber."""
        now = self._clock.now()
        id = xid(int(now.timestamp()), self._machine, 1, next(self._counter))
        event = Event(message, id, actor_id, now)
        self._events.append(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def select(self, wanted: Callable[[Event], bool]) -> list[Event]:
        """Return the kept events for which *wanted* is true, oldest first."""
        return [event for event in self._events if wanted(event)]

    @contextmanager
    def subscribe(self) -> Iterator[asyncio.Queue[Event]]:
        """Collect the events of the duration of the context in a queue."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
