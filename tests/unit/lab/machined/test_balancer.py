# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a balancer learns of its upstreams: failures from clients, health from its own rounds only."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from ansible_collections.homelab.talos.lab.machined.balancer import Balancer
from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint
from ansible_collections.homelab.talos.lab.machined.upstreams import Upstreams

from .home import until

A, B = Endpoint("a", 6443), Endpoint("b", 6443)
SECONDS = 5.0


class Rounds:
    """A clock whose pauses end when a test says so."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.next = asyncio.Semaphore(0)

    # sleep: only the name; it waits for a test
    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.next.acquire()


class Wire:
    """Upstreams that close every connection at once; those in *dead* cannot be reached."""

    def __init__(self) -> None:
        self.dead: set[Endpoint] = set()
        self.dialled: list[Endpoint] = []
        self.open = 0
        self.most = 0

    async def dial(self, endpoint: Endpoint, seconds: float) -> socket.socket:
        self.dialled.append(endpoint)
        self.open += 1
        self.most = max(self.most, self.open)
        # sleep: gives other coroutines their turn
        await asyncio.sleep(0)
        self.open -= 1
        if endpoint in self.dead:
            raise OSError(113, "No route to host")
        here, there = socket.socketpair()
        there.close()
        here.setblocking(False)
        return here


def upstreams(*endpoints: Endpoint) -> Upstreams:
    made = Upstreams()
    made.reconcile(endpoints)
    return made


async def connect(listening: socket.socket) -> bytes:
    """Connect as a client does, and return what it is answered: nothing, then the end."""
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def clients(balancer: Balancer, number: int) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        serving = asyncio.create_task(balancer.serve(listening.dup()))
        for _client in range(number):
            await connect(listening)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def test_only_rounds_of_checks_raise_a_score() -> None:
    async def scenario() -> None:
        known, wire, rounds = upstreams(A), Wire(), Rounds()
        balancer = Balancer(known, wire.dial, rounds)  # type: ignore[arg-type]
        async with asyncio.timeout(SECONDS):
            await clients(balancer, 9)
        assert wire.dialled == [A] * 9
        # A score of 1 bears one failure, and one that had grown would bear three.
        for _failure in range(2):
            known.down(A)
        assert known.usable == []
        await balancer.check()
        assert known.usable == [A]

    asyncio.run(scenario())


def test_a_client_whose_upstream_cannot_be_reached_lowers_its_score() -> None:
    async def scenario() -> None:
        known, wire = upstreams(A, B), Wire()
        wire.dead = {A}
        balancer = Balancer(known, wire.dial, Rounds())  # type: ignore[arg-type]
        async with asyncio.timeout(SECONDS):
            await clients(balancer, 4)
        assert known.usable == [B]

    asyncio.run(scenario())


def test_the_first_round_comes_after_a_pause() -> None:
    async def scenario() -> None:
        wire, rounds = Wire(), Rounds()
        balancer = Balancer(upstreams(A, B), wire.dial, rounds)  # type: ignore[arg-type]
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            listening.setblocking(False)
            serving = asyncio.create_task(balancer.serve(listening.dup()))
            async with asyncio.timeout(SECONDS):
                await until(lambda: rounds.pauses == [20.0], "the first pause")
                assert wire.dialled == []
                rounds.next.release()
                await until(lambda: rounds.pauses == [20.0, 20.0], "the second pause")
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        assert (wire.dialled, wire.most) == ([A, B], 1)

    asyncio.run(scenario())
