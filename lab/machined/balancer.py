# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP balancer: accepts connections, passes each to one upstream, and dials all of them now and then.

Connections of clients only ever lower the score of an upstream; what raises it is a check of its health. The checks run
one after the other, each for at most 15 s, with 20 s between the rounds, so that a silent upstream delays the others.

Sources: siderolabs/go-loadbalancer:loadbalancer/target.go and upstream/upstream.go,
siderolabs/talos:pkg/machinery/constants/constants.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock
from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint
from ansible_collections.homelab.talos.lab.machined.upstreams import Upstreams

DIAL_SECONDS = 15.0
USER_TIMEOUT_SECONDS = 30.0
HEALTH_INTERVAL_SECONDS = 20.0
_CHUNK_BYTES = 64 * 1024

#: Returns a non-blocking socket connected to an endpoint within a number of seconds; raises ``OSError``.
Dial = Callable[[Endpoint, float], Awaitable[socket.socket]]


class Balancer:
    """Balances the connections that arrive at one listening socket over *upstreams*."""

    def __init__(self, upstreams: Upstreams, dial: Dial, clock: Clock) -> None:
        self._upstreams = upstreams
        self._dial = dial
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket) -> None:
        """Serve until cancelled; then every connection ends."""
        health = asyncio.create_task(self._keep_checking())
        try:
            while True:
                client, _address = await asyncio.get_running_loop().sock_accept(listening)
                self._begin(self._pass(client))
        finally:
            listening.close()
            for task in (health, *self._tasks):
                task.cancel()
            await asyncio.gather(health, *self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_checking(self) -> None:
        # The first round of a balancer of Talos finds no upstreams yet: it is given them once it runs.
        while True:
            await self._clock.sleep(HEALTH_INTERVAL_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Dial every upstream once, one after the other."""
        for endpoint in self._upstreams.all:
            begin = time.monotonic()
            upstream = await self._connect(endpoint)
            if upstream is not None:
                self._upstreams.up(endpoint, time.monotonic() - begin)
                upstream.close()

    async def _connect(self, endpoint: Endpoint) -> socket.socket | None:
        """Return a connection; None when there is none, which lowers the score."""
        try:
            return await self._dial(endpoint, DIAL_SECONDS)
        except OSError:
            self._upstreams.down(endpoint)
            return None

    async def _pass(self, client: socket.socket) -> None:
        with contextlib.closing(client):
            endpoint = self._upstreams.pick()
            # A client whose upstream cannot be reached loses its connection and asks again, as with KubePrism.
            upstream = await self._connect(endpoint) if endpoint is not None else None
            if upstream is None:
                return
            with contextlib.closing(upstream):
                _give_up_after(upstream, USER_TIMEOUT_SECONDS)
                pumps = [asyncio.create_task(_pump(*pair)) for pair in ((client, upstream), (upstream, client))]
                try:
                    await asyncio.gather(*pumps)
                except OSError:
                    return
                finally:
                    for pump in pumps:
                        pump.cancel()
                    await asyncio.gather(*pumps, return_exceptions=True)


def _give_up_after(connection: socket.socket, seconds: float) -> None:
    """End a connection whose other end is silent for so long while it owes an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(seconds))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


async def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy from *source* to *target* until the end, and pass the end on; raises ``OSError``."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _CHUNK_BYTES):
        await loop.sock_sendall(target, data)
    target.shutdown(socket.SHUT_WR)
