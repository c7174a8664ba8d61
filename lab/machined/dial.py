# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC connections that start inside a node's network namespace."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from typing import Any

from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.protocol import H2Protocol
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined.interfaces import Runtime
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method


class NodeChannel(Channel):
    """A channel from *runtime*'s node to *host*:*port* with the given TLS settings."""

    def __init__(self, runtime: Runtime, host: str, port: int, tls: ssl.SSLContext, timeout: float = 5.0) -> None:
        super().__init__(host, port, ssl=tls)
        self._runtime = runtime
        self._target = (host, port)
        self._tls = tls
        self._seconds = timeout

    async def _create_connection(self) -> H2Protocol:
        host, port = self._target
        sock = await asyncio.to_thread(self._runtime.connect, host, port, self._seconds)
        sock.setblocking(False)
        _transport, protocol = await asyncio.get_running_loop().create_connection(
            self._protocol_factory,
            sock=sock,
            ssl=self._tls,
            server_hostname=host,
            ssl_handshake_timeout=self._seconds,
        )
        return protocol


async def call_unary(
    channel: Channel, path: str, request: Any, metadata: MultiDict[str] | None = None, timeout: float = 10.0
) -> Any:
    """Make one unary call; raises ``GRPCError``, ``OSError``, ``TimeoutError``."""
    found = method(path)
    make = UnaryUnaryMethod(channel, found.path, found.request_class, found.reply_class)
    return await make(request, timeout=timeout, metadata=metadata)


async def call_stream(
    channel: Channel, path: str, request: Any, metadata: MultiDict[str] | None = None
) -> AsyncGenerator[Any, None]:
    """Make one call with a server stream and yield its messages; raises as :func:`call_unary`."""
    found = method(path)
    make = UnaryStreamMethod(channel, found.path, found.request_class, found.reply_class)
    async with make.open(metadata=metadata) as stream:
        await stream.send_message(request, end=True)
        async for reply in stream:
            yield reply
