# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls: unary and streamed, deadlines, routing, statuses, broken connections."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node, run
from ansible_collections.homelab.talos.tests.support.certificates import Authority
from ansible_collections.homelab.talos.tests.support.talos_api import Answer, ApiServer
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.talos.conftest import VERSION, ask_version

StartNode = Callable[..., ApiServer]
EVENTS = "machine.MachineService/Events"


def never_ending(started: threading.Event, ended: threading.Event) -> Answer:
    """Return an answer that sends one event and then nothing; tells when the client has gone."""

    async def answer(stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(message("machine.Event")(id="hello"))
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    return answer


async def three_events(stream: Any) -> None:
    request = await stream.recv_message()
    for number in range(3):
        await stream.send_message(message("machine.Event")(id=str(number), actor_id=request.with_actor_id))


async def mute(stream: Any) -> None:
    await stream.recv_message()
    await asyncio.Event().wait()


def fails(status: Status, text: str | None) -> Answer:
    async def answer(stream: Any) -> None:
        await stream.recv_message()
        raise GRPCError(status, text)

    return answer


async def collect(replies: AsyncIterator[Any], into: list[Any]) -> None:
    """Append what comes to `into`, so that it is there also when the stream fails."""
    async for reply in replies:
        into.append(reply)


def with_client(
    server: ApiServer, authority: Authority, work: Callable[[Client], Awaitable[Any]], **options: Any
) -> Any:
    async def call() -> Any:
        async with Client(server.endpoint, credentials=authority.client(), **options) as client:
            return await work(client)

    return run(call())


def test_stream(node: StartNode, authority: Authority) -> None:
    server = node({EVENTS: three_events})

    async def work(client: Client) -> list[tuple[str, str]]:
        request = message("machine.EventsRequest")(with_actor_id="me")
        return [(event.id, event.actor_id) async for event in client.stream(EVENTS, request)]

    assert with_client(server, authority, work) == [("0", "me"), ("1", "me"), ("2", "me")]


def test_a_stream_that_is_left_is_cancelled(node: StartNode, authority: Authority) -> None:
    started, ended = threading.Event(), threading.Event()
    server = node({EVENTS: never_ending(started, ended)})

    async def work(client: Client) -> str:
        async with contextlib.aclosing(client.stream(EVENTS, timeout=math.inf)) as events:  # type: ignore[type-var]
            event = await anext(events)
        assert await asyncio.to_thread(ended.wait, 5)
        reply = await client.unary(VERSION)
        return str(event.id + reply.messages[0].version.tag)

    assert with_client(server, authority, work) == "hellov1.13.9"


def test_a_stream_that_fails_at_its_end(node: StartNode, authority: Authority) -> None:
    async def answer(stream: Any) -> None:
        await three_events(stream)
        raise GRPCError(Status.UNKNOWN, "context deadline exceeded")

    async def work(client: Client) -> None:
        seen: list[Any] = []
        with pytest.raises(errors.TalosError, match="context deadline exceeded"):
            await collect(client.stream(EVENTS), seen)
        assert [event.id for event in seen] == ["0", "1", "2"]

    with_client(node({EVENTS: answer}), authority, work)


def test_deadline_of_a_call(node: StartNode, authority: Authority) -> None:
    server = node({"machine.MachineService/Hostname": mute})

    async def work(client: Client) -> None:
        await client.unary(VERSION)
        started = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded) as caught:
            await client.unary("machine.MachineService/Hostname", timeout=0.2)
        assert 0.15 < time.monotonic() - started < 10
        assert str(caught.value).startswith(
            f"{server.endpoint}: machine.MachineService/Hostname: no answer within 0.2 s (DEADLINE_EXCEEDED)"
        )
        await client.unary(VERSION)

    with_client(server, authority, work)


def test_default_deadline(node: StartNode, authority: Authority) -> None:
    with pytest.raises(errors.DeadlineExceeded, match=r"no answer within 2 s"):
        ask_version(node({VERSION: mute}).endpoint, timeout=2, credentials=authority.client())


def test_deadline_of_a_stream(node: StartNode, authority: Authority) -> None:
    server = node({EVENTS: never_ending(threading.Event(), threading.Event())})

    async def work(client: Client) -> None:
        seen: list[Any] = []
        await client.unary(VERSION)
        with pytest.raises(errors.DeadlineExceeded):
            await collect(client.stream(EVENTS, timeout=1), seen)
        assert [event.id for event in seen] == ["hello"]

    with_client(server, authority, work)


def test_the_node_learns_the_deadline(node: StartNode, authority: Authority) -> None:
    remaining = []

    async def answer(stream: Any) -> None:
        await stream.recv_message()
        remaining.append(stream.deadline and stream.deadline.time_remaining())
        await stream.send_message(message("machine.HostnameResponse")())

    async def work(client: Client) -> None:
        await client.unary("machine.MachineService/Hostname", timeout=70)
        await client.unary("machine.MachineService/Hostname", timeout=math.inf)

    with_client(node({"machine.MachineService/Hostname": answer}), authority, work)
    assert 50 < remaining[0] <= 70
    assert remaining[1] is None


def test_failed_calls_leave_the_surrounding_task_alone(node: StartNode, authority: Authority) -> None:
    server = node({"machine.MachineService/Hostname": mute})

    async def insist(client: Client) -> None:
        async with asyncio.timeout(0.5):
            while True:
                with contextlib.suppress(errors.DeadlineExceeded):
                    await client.unary("machine.MachineService/Hostname", timeout=0.1)

    async def work(client: Client) -> None:
        await client.unary(VERSION)
        with pytest.raises(TimeoutError):
            await insist(client)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    with_client(server, authority, work)


def test_cancelling_the_caller_cancels_the_call(node: StartNode, authority: Authority) -> None:
    started, ended = threading.Event(), threading.Event()

    async def answer(stream: Any) -> None:
        await stream.recv_message()
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def work(client: Client) -> None:
        task = asyncio.ensure_future(client.unary("machine.MachineService/Hostname"))
        assert await asyncio.to_thread(started.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, 5)

    with_client(node({"machine.MachineService/Hostname": answer}), authority, work)


def test_routing_metadata(node: StartNode, authority: Authority) -> None:
    server = node()

    async def work(client: Client) -> None:
        await client.unary(VERSION)
        await client.unary(VERSION, node="198.18.1.12")
        await client.unary(VERSION, nodes=["198.18.1.11", "198.18.1.12"])
        with pytest.raises(ValueError, match="not both"):
            await client.unary(VERSION, node="198.18.1.11", nodes=["198.18.1.12"])

    with_client(server, authority, work)
    assert [
        {key: value for key, value in metadata.items() if key.startswith("node")} for path, metadata in server.calls
    ] == [{}, {"node": ["198.18.1.12"]}, {"nodes": ["198.18.1.11", "198.18.1.12"]}]


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (Status.PERMISSION_DENIED, "not authorized", errors.NotAuthorized),
        (Status.UNAUTHENTICATED, "invalid token", errors.NotAuthorized),
        (Status.FAILED_PRECONDITION, "bootstrap is not available yet", errors.FailedPrecondition),
        (Status.ALREADY_EXISTS, "etcd data directory is not empty", errors.AlreadyExists),
        (Status.INVALID_ARGUMENT, "unknown keys found during decoding:\nmachine:\n  nope: 1\n", errors.InvalidArgument),
        (Status.NOT_FOUND, "resource doesn't exist", errors.NotFound),
        (Status.UNIMPLEMENTED, "etcd is only available on control plane nodes", errors.Unimplemented),
        (Status.UNAVAILABLE, "connection refused", errors.Unreachable),
        (Status.DEADLINE_EXCEEDED, "context deadline exceeded", errors.DeadlineExceeded),
        (Status.UNKNOWN, 'service "x" not defined', errors.TalosError),
        (Status.INTERNAL, None, errors.TalosError),
    ],
)
def test_status_of_the_node(
    node: StartNode, authority: Authority, status: Status, text: str | None, kind: type[errors.TalosError]
) -> None:
    server = node({VERSION: fails(status, text)})
    with pytest.raises(errors.TalosError) as caught:
        ask_version(server.endpoint, credentials=authority.client())
    error = caught.value
    assert error.__class__ is kind
    assert (error.node, error.method, error.code) == (server.endpoint, VERSION, status.name)
    assert error.cause == (text or "the node gave no reason")
    assert "\n" not in str(error)


def test_a_forwarded_call_names_the_node(node: StartNode, authority: Authority) -> None:
    server = node({VERSION: fails(Status.UNAVAILABLE, "dial tcp: no route to host")})

    async def work(client: Client) -> None:
        with pytest.raises(errors.Unreachable) as caught:
            await client.unary(VERSION, node="198.18.1.12")
        assert caught.value.node == f"198.18.1.12 (through {server.endpoint})"

    with_client(server, authority, work)


def test_methods_that_do_not_exist_or_are_of_another_kind(node: StartNode, authority: Authority) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(KeyError, match="no method machine.MachineService/Nope"):
            await client.unary("machine.MachineService/Nope")
        with pytest.raises(ValueError, match="not a unary call"):
            await client.unary(EVENTS)
        with pytest.raises(ValueError, match="not a stream of replies"):
            await anext(client.stream(VERSION))

    with_client(node(), authority, work)


@pytest.mark.parametrize("path", [VERSION, EVENTS])
def test_power_is_cut_during_a_call(node: StartNode, authority: Authority, path: str) -> None:
    started = threading.Event()
    sockets: list[socket.socket] = []

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        sockets.append(socket.create_connection((host, port), timeout))
        return sockets[-1]

    async def answer(stream: Any) -> None:
        await stream.recv_message()
        started.set()
        await asyncio.Event().wait()

    async def cut() -> None:
        await asyncio.to_thread(started.wait, 5)
        sockets[0].shutdown(socket.SHUT_RDWR)

    async def work(client: Client) -> None:
        cutting = asyncio.ensure_future(cut())
        call = client.unary(path) if path == VERSION else anext(client.stream(path))
        with pytest.raises(errors.Unreachable, match="the connection broke during the call"):
            await call
        await cutting

    with_client(node({path: answer}), authority, work, socket_factory=dial)


def test_many_nodes_of_which_one_is_dead(node: StartNode, authority: Authority) -> None:
    endpoints = [node().endpoint for number in range(4)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        dead = f"127.0.0.1:{listening.getsockname()[1]}"
    names = [*endpoints[:2], dead, *endpoints[2:]]

    async def ask(endpoint: str) -> str:
        async with Client(endpoint, credentials=authority.client()) as client:
            return str((await client.unary(VERSION)).messages[0].version.tag)

    results = run(for_each_node(names, ask, limit=2))
    assert list(results) == names
    assert isinstance(results.pop(dead), errors.Unreachable)
    assert set(results.values()) == {"v1.13.9"}


def test_large_messages(node: StartNode, authority: Authority) -> None:
    received = []

    async def answer(stream: Any) -> None:
        request = await stream.recv_message()
        received.append(len(request.data))
        reply = message("machine.ApplyConfigurationResponse")()
        reply.messages.add().mode_details = "x" * 6_000_000
        await stream.send_message(reply)

    async def work(client: Client) -> int:
        request = message("machine.ApplyConfigurationRequest")(data=b"y" * 6_000_000)
        reply = await client.unary("machine.MachineService/ApplyConfiguration", request)
        return len(reply.messages[0].mode_details)

    server = node({"machine.MachineService/ApplyConfiguration": answer})
    assert with_client(server, authority, work) == 6_000_000
    assert received == [6_000_000]
