# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP/2 connection to one node: over a socket of our choice, and only counted as made once the node agreed.

With TLS 1.3 the client's handshake is over before the node has looked at the client certificate. The node's first
HTTP/2 frame is the sign that it accepted it; a refusal comes as an alert in its place. So a connection is made when
the first data has arrived, and a refusal is an error of connecting, not of some later call.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import Endpoint
from ansible_collections.homelab.talos.plugins.module_utils.talos.transport import HTTP2

GRPCLIB_IMPORT_ERROR: ImportError | None = None
try:
    from grpclib.client import Channel as _Channel
    from grpclib.client import Handler as _Handler
    from grpclib.protocol import H2Protocol as _H2Protocol
except ImportError as error:
    GRPCLIB_IMPORT_ERROR = error
    if not TYPE_CHECKING:
        _Channel = _Handler = _H2Protocol = object

# looks at the DER certificate of the node before anything is asked of it; raises to refuse it
CertificateCheck = Callable[[bytes], None]

# seconds a closing connection may take
_CLOSE_LIMIT = 1.0


class SocketFactory(Protocol):
    """Makes a connected socket, at once (then it is called in a thread) or awaited; `timeout` in seconds."""

    def __call__(self, host: str, port: int, timeout: float, /) -> socket.socket | Awaitable[socket.socket]:
        """Connect. Raises OSError."""


class NotHttp2(Exception):
    """What listens there finished a TLS handshake but does not offer HTTP/2."""


class _Protocol(_H2Protocol):
    """grpclib's protocol, which also tells when the peer spoke first and why the connection ended."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.lost: BaseException | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look at the peer while its certificate can be had: a refusal may follow at once and take it away."""
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        self.certificate: bytes = tls.getpeercert(True)
        self.speaks_http2: bool = tls.selected_alpn_protocol() == HTTP2
        super().connection_made(transport)

    def abort(self) -> None:
        """Close the socket without further ado."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take data from the peer."""
        if not self.accepted.done():
            self.accepted.set_result(None)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Keep the reason; grpclib does not."""
        self.lost = exc
        if not self.accepted.done():
            self.accepted.set_exception(exc or ConnectionResetError("the connection was closed"))
            self.accepted.exception()
        if not self.closed.done():
            self.closed.set_result(None)
        super().connection_lost(exc)


class NodeChannel(_Channel):
    """A grpclib channel to one endpoint.

    `context` is the TLS context, `check` looks at the node's certificate, `socket_factory` replaces the plain TCP
    connect. Connecting raises OSError (with it ssl.SSLError and TimeoutError), NotHttp2 or what `check` raises.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        context: ssl.SSLContext,
        *,
        check: CertificateCheck | None = None,
        socket_factory: SocketFactory | None = None,
        connect_timeout: float = math.inf,
    ) -> None:
        super().__init__(endpoint.host, endpoint.port, ssl=context)
        self._endpoint = endpoint
        self._context = context
        self._check = check
        self._socket_factory = socket_factory
        self._connect_timeout = connect_timeout

    @property
    def lost(self) -> BaseException | None:
        """Why the last connection ended, or None."""
        return self._protocol.lost if isinstance(self._protocol, _Protocol) else None

    async def connect(self, timeout: float) -> None:
        """Make the connection unless there is one; `timeout` in seconds for all of it."""
        self._connect_timeout = timeout
        async with asyncio.timeout(None if timeout == math.inf else timeout):
            await self.__connect__()

    async def aclose(self) -> None:
        """Close the connection and wait until the socket is gone."""
        protocol = self._protocol
        self.close()
        if isinstance(protocol, _Protocol):
            protocol.abort()
            await asyncio.wait({protocol.closed}, timeout=_CLOSE_LIMIT)

    def _protocol_factory(self) -> Any:
        return _Protocol(_Handler(), self._config, self._h2_config)

    async def _create_connection(self) -> Any:
        protocol = await _open_tls(
            self._endpoint, self._context, self._protocol_factory, self._socket_factory, self._connect_timeout
        )
        try:
            if not protocol.speaks_http2:
                raise NotHttp2
            if self._check is not None:
                self._check(protocol.certificate)
            await protocol.accepted
        except BaseException:
            protocol.abort()
            raise
        return protocol


async def _open_tls(
    endpoint: Endpoint,
    context: ssl.SSLContext,
    protocol_factory: Callable[[], Any],
    socket_factory: SocketFactory | None,
    timeout: float,
) -> Any:
    """Return the protocol of a connection whose TLS handshake is over on our side. Raises OSError."""
    loop = asyncio.get_running_loop()
    target: dict[str, Any] = {"host": endpoint.host, "port": endpoint.port}
    if socket_factory is not None:
        connected = await _connected_socket(socket_factory, endpoint, timeout)
        target = {"sock": connected}
    made = await loop.create_connection(protocol_factory, **target, ssl=context, server_hostname=endpoint.host)
    return made[1]


async def _connected_socket(factory: SocketFactory, endpoint: Endpoint, timeout: float) -> socket.socket:
    made = await asyncio.to_thread(factory, endpoint.host, endpoint.port, timeout)
    connected = await made if inspect.isawaitable(made) else made
    connected.setblocking(False)
    return connected


class _Onlooker(asyncio.Protocol):
    """Takes the certificate and says nothing."""

    certificate: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the certificate and go."""
        self.certificate = transport.get_extra_info("ssl_object").getpeercert(True)
        cast("asyncio.Transport", transport).abort()


async def peer_certificate(
    endpoint: Endpoint, context: ssl.SSLContext, socket_factory: SocketFactory | None, timeout: float
) -> bytes | None:
    """Return the DER certificate of what listens at `endpoint`, without saying anything to it.

    `context` must not verify. None when it cannot be had within `timeout` seconds.
    """
    with contextlib.suppress(OSError):
        async with asyncio.timeout(timeout):
            onlooker = await _open_tls(endpoint, context, _Onlooker, socket_factory, timeout)
        certificate: bytes | None = onlooker.certificate
        return certificate
    return None
