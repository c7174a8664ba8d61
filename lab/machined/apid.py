# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server of a node on port 50000.

Source: siderolabs/talos:internal/app/apid (mutual TLS, maintenance mode, limits).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import weakref
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Any

from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from grpclib.server import Server

from ansible_collections.homelab.talos.lab.machined import refusal_log
from ansible_collections.homelab.talos.lab.machined.identity import client_certificate, is_only_client

PORT = 50000
CLOSING_SECONDS = 0.5
# Source: siderolabs/talos:internal/app/apid/main.go (initial window sizes)
_CONFIGURATION = Configuration(http2_connection_window_size=65535 * 16, http2_stream_window_size=65535 * 32)


class _CheckedProtocol(H2Protocol):
    """Ends a connection whose client certificate serves for more than being a client."""

    def __init__(
        self, plain: H2Protocol, known: weakref.WeakSet[asyncio.BaseTransport], log: Callable[[str], None]
    ) -> None:
        super().__init__(plain.handler, plain.config, plain.h2_config)
        self._known = known
        self._log = log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._known.add(transport)
        certificate = client_certificate(transport)
        super().connection_made(transport)
        if certificate is not None and not is_only_client(certificate):
            self._log(refusal_log.usage(transport, certificate.subject.rfc4514_string()))
            transport.abort()  # type: ignore[attr-defined]


class _AlertingTls(SSLProtocol):
    """Tells the client why its handshake failed ("certificate required"), which asyncio forgets to do; logs it, too."""

    log: Callable[[str], None]

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        if handshake_exc is not None and self._transport is not None:
            line = refusal_log.handshake(self._transport, handshake_exc)
            if line is not None:
                self.log(line)
            self._process_outgoing()  # type: ignore[attr-defined]
        super()._on_handshake_complete(handshake_exc)


class _TableServer(Server):
    """A grpclib server whose handlers come from one table; TLS belongs to its protocol."""

    def __init__(self, table: Any, tls: ssl.SSLContext, log: Callable[[str], None]) -> None:
        super().__init__([], config=_CONFIGURATION)
        self._mapping = table
        self._tls = tls
        self._log = log
        self.connections: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()

    def _protocol_factory(self) -> Any:
        checked = _CheckedProtocol(super()._protocol_factory(), self.connections, self._log)
        nobody_waits: Any = None
        protocol = _AlertingTls(asyncio.get_running_loop(), checked, self._tls, nobody_waits, server_side=True)
        protocol.log = self._log
        return protocol


class ApiServer:
    """Serves one table of methods on one listening socket; the TLS settings may be exchanged.

    *log* takes a line for every refused connection.
    """

    def __init__(self, table: Any, log: Callable[[str], None]) -> None:
        self._table = table
        self._log = log
        self._socket: socket.socket | None = None
        self._server: _TableServer | None = None

    @property
    def serving(self) -> bool:
        """Whether the server answers."""
        return self._server is not None

    async def start(self, listening: socket.socket, tls: ssl.SSLContext) -> None:
        """Answer on *listening*, which the server owns from now on."""
        self._socket = listening
        await self._serve(tls)

    async def exchange(self, tls: ssl.SSLContext, *, end_connections: bool = False) -> None:
        """Use other TLS settings for new connections; optionally end the present ones."""
        old = self._server
        await self._serve(tls)
        if old is not None:
            _stop(old, end_connections=end_connections)

    async def drain(self, seconds: float = 1.0) -> None:
        """Wait until every call that ends by itself has ended, at most *seconds*."""
        busy = getattr(self._table, "idle", None)
        if busy is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await busy.wait()

    async def stop(self) -> None:
        """Stop answering and end every connection."""
        if self._server is not None:
            _stop(self._server, end_connections=True)
            self._server = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _serve(self, tls: ssl.SSLContext) -> None:
        if self._socket is None:
            raise RuntimeError("API server has no socket: start it first")
        server = _TableServer(self._table, tls, self._log)
        await server.start(sock=self._socket.dup())
        self._server = server


def _stop(server: _TableServer, *, end_connections: bool) -> None:
    """Accept nothing more; connections are ended when their clients have had the time to read what was sent.

    A connection that is cut off at once takes with it what its client has not read yet.
    """
    if server._server is not None:
        server._server.close()
    if end_connections:
        asyncio.get_running_loop().call_later(CLOSING_SECONDS, _cut_off, server)


def _cut_off(server: _TableServer) -> None:
    server.close()
    for transport in server.connections:
        transport.abort()  # type: ignore[attr-defined]
