# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an HTTP/2 request to a handler: identity, routing, authorization, reply.

Source: siderolabs/talos:internal/app/apid/pkg/director/director.go (where a call goes),
internal/app/machined/pkg/system/services/machined.go (who may call).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality
from grpclib.const import Handler as WireHandler
from grpclib.server import Stream
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import authorization, refusal_log, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.identity import Identity
from ansible_collections.homelab.talos.lab.machined.routing import Router
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method

LOG = logging.getLogger(__name__)
# Streams that end properly when the machine goes down; all others are cut off.
ENDED_BY_SHUTDOWN = ("/machine.MachineService/Events", "/machine.MachineService/Dmesg")


class LocalCalls:
    """Answers calls on this node."""

    def __init__(self, handlers: Handlers, in_maintenance: Callable[[], bool]) -> None:
        self._handlers = handlers
        self._in_maintenance = in_maintenance

    @property
    def maintenance(self) -> bool:
        """Whether everybody is a reader because the node has no configuration."""
        return self._in_maintenance()

    def authorize(self, call: Call) -> None:
        """Raise PermissionDenied unless the caller's roles allow the method."""
        if not authorization.allowed(call.path, call.roles, self.maintenance):
            raise refusals.permission_denied()

    async def unary(self, call: Call) -> Any:
        """Return the reply to a call without server stream."""
        self.authorize(call)
        return await self._handler(call)(call)

    async def stream(self, call: Call) -> AsyncGenerator[Any, None]:
        """Yield the replies of a call with server stream; closing the iterator ends what the handler started."""
        self.authorize(call)
        async with aclosing(self._handler(call)(call)) as replies:
            async for reply in replies:
                yield reply

    def _handler(self, call: Call) -> Any:
        handler = self._handlers.get(call.path)
        if handler is None:
            raise refusals.unimplemented(f"method {call.path.rpartition('/')[2]} not implemented")
        return handler


class Dispatcher:
    """The table grpclib looks paths up in: every path has an entry, unknown ones answer with a refusal.

    *log* takes a line for every call that was refused for who called.
    """

    def __init__(self, local: LocalCalls, router: Router, log: Callable[[str], None]) -> None:
        self._local = local
        self._router = router
        self._log = log
        self._under_way = 0
        self.idle = asyncio.Event()  # set while no call is under way that ends by itself
        self.idle.set()

    def get(self, path: str) -> WireHandler:
        """Return the wire handler of a path."""
        try:
            found = method(path)
        except KeyError:
            return WireHandler(self._refuse, Cardinality.UNARY_UNARY, _EMPTY, _EMPTY)
        cardinality = _CARDINALITIES[found.client_streaming, found.server_streaming]

        async def serve(stream: Stream[Any, Any]) -> None:
            if cardinality.server_streaming and path not in ENDED_BY_SHUTDOWN:
                await self._serve(stream, path, cardinality)
                return
            self._under_way += 1
            self.idle.clear()
            try:
                await self._serve(stream, path, cardinality)
            finally:
                asyncio.get_running_loop().call_soon(self._end)  # after the trailers were sent

        return WireHandler(serve, cardinality, found.request_class, found.reply_class)

    def _end(self) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self.idle.set()

    async def _refuse(self, stream: Stream[Any, Any]) -> None:
        roles = Identity.of(stream.peer).roles(_metadata(stream), self._local.maintenance)
        path = getattr(stream, "_method_name", "")
        try:
            self._local.authorize(Call(path, None, roles))
        except GRPCError as error:
            self._log_refusal(stream, path, error)
            raise
        raise refusals.unimplemented(f"unknown method {path.rpartition('/')[2]} for service {path.split('/')[1]}")

    async def _serve(self, stream: Stream[Any, Any], path: str, cardinality: Cardinality) -> None:
        try:
            call = await self._read(stream, path, cardinality)
            if cardinality.server_streaming:
                async with aclosing(self._router.stream(call, _metadata(stream))) as replies:
                    async for reply in replies:
                        await stream.send_message(reply)
            else:
                await stream.send_message(await self._router.unary(call, _metadata(stream)))
        except GRPCError as error:
            self._log_refusal(stream, path, error)
            raise
        except ConnectionError:
            raise
        except NotImplementedError as error:
            raise refusals.unimplemented(str(error)) from None
        except Exception as error:
            LOG.exception("the emulated handler of %s failed", path)
            raise GRPCError(Status.UNKNOWN, str(error) or type(error).__name__) from None

    def _log_refusal(self, stream: Stream[Any, Any], path: str, error: GRPCError) -> None:
        line = refusal_log.call(path, error, Identity.of(stream.peer))
        if line is not None:
            self._log(line)

    async def _read(self, stream: Stream[Any, Any], path: str, cardinality: Cardinality) -> Call:
        identity = Identity.of(stream.peer)
        roles = identity.roles(_metadata(stream), self._local.maintenance)
        if cardinality.client_streaming:
            return Call(path, None, roles, dict(_metadata(stream)), aiter(stream), identity.address)
        request = await stream.recv_message()
        if request is None:
            raise refusals.internal("request without message")
        return Call(path, request, roles, dict(_metadata(stream)), None, identity.address)


def _metadata(stream: Stream[Any, Any]) -> MultiDict[str]:
    """Return the text metadata of a call."""
    found: MultiDict[str] = MultiDict()
    for key, value in (stream.metadata or MultiDict()).items():
        if isinstance(value, str):
            found.add(key, value)
    return found


_EMPTY = message("google.protobuf.Empty")
_CARDINALITIES = {
    (False, False): Cardinality.UNARY_UNARY,
    (False, True): Cardinality.UNARY_STREAM,
    (True, False): Cardinality.STREAM_UNARY,
    (True, True): Cardinality.STREAM_STREAM,
}
