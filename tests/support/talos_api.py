# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Talos API with answers of the test's choice, over real TLS and HTTP/2 on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from grpclib.const import Cardinality
from grpclib.const import Handler as WireHandler
from grpclib.server import Server, Stream

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method
from ansible_collections.homelab.talos.plugins.module_utils.talos.handshake_alerts import AlertingSSLObject
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label

# takes the grpclib stream of one call
Answer = Callable[[Stream[Any, Any]], Awaitable[None]]


def server_context(
    certificate: tuple[bytes, bytes], clients: bytes | None, maximum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLContext:
    """Return the TLS side of a node: its (certificate, key), and the CA of the clients it demands, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = maximum
    context.set_alpn_protocols(["h2"])
    context.sslobject_class = AlertingSSLObject
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate[0] + to_standard_label(certificate[1]))
        file.flush()
        context.load_cert_chain(file.name)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    return context


class _Service:
    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def __mapping__(self) -> dict[str, WireHandler]:
        return {"/" + path: self._handler(path, answer) for path, answer in self._answers.items()}

    @staticmethod
    def _handler(path: str, answer: Answer) -> WireHandler:
        called = method(path)
        streaming = Cardinality.UNARY_STREAM if called.server_streaming else Cardinality.UNARY_UNARY
        return WireHandler(answer, streaming, called.request_class, called.reply_class)


class ApiServer:
    """A server in a thread of its own.

    `answers` maps ``machine.MachineService/Version`` to a coroutine function that gets the grpclib stream;
    `calls` collects (path, metadata) of what arrived; `endpoint` is where it listens.
    """

    def __init__(self, context: ssl.SSLContext, answers: dict[str, Answer]) -> None:
        self.calls: list[tuple[str, dict[str, list[str]]]] = []
        self.endpoint = ""
        self._context = context
        self._answers = {path: self._recorded(path, answer) for path, answer in answers.items()}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: Server | None = None

    def _recorded(self, path: str, answer: Answer) -> Answer:
        async def call(stream: Stream[Any, Any]) -> None:
            metadata: dict[str, list[str]] = {}
            for key, value in (stream.metadata or {}).items():
                metadata.setdefault(key, []).append(str(value))
            self.calls.append((path, metadata))
            await answer(stream)

        return call

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    async def _start(self) -> None:
        # what a refused client causes here is the point of the tests, not news
        self._loop.set_exception_handler(lambda loop, context: None)
        self._server = Server([_Service(self._answers)])
        await self._server.start("127.0.0.1", 0, ssl=self._context)
        port = self._server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.endpoint = f"127.0.0.1:{port}"

    def stop(self) -> None:
        """Close all connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 1)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


@contextlib.contextmanager
def serving(context: ssl.SSLContext, answers: dict[str, Answer]) -> Iterator[ApiServer]:
    """Yield a running ApiServer."""
    server = ApiServer(context, answers)
    server.start()
    try:
        yield server
    finally:
        server.stop()
