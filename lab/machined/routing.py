# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call is answered: here, on one other node, or on several.

Source: siderolabs/talos:internal/app/apid/pkg/director/director.go, internal/app/apid/pkg/backend.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

from grpclib import GRPCError
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method

MULTIPLEXED_SERVICES = (
    "/machine.MachineService/",
    "/cluster.ClusterService/",
    "/inspect.InspectService/",
    "/storage.StorageService/",
    "/time.TimeService/",
)


class Callee(Protocol):
    """Something that answers calls: this node, or another one."""

    async def unary(self, call: Call) -> Any: ...

    def stream(self, call: Call) -> AsyncGenerator[Any, None]: ...


class Router:
    """Sends calls where their metadata says.

    *others* returns the callee for another node's address, or None when this node cannot forward
    (workers and nodes in maintenance have no client certificate). *own_names* returns the
    addresses and names of this node.
    """

    def __init__(
        self,
        local: Callee,
        others: Callable[[str], Callee | None],
        own_names: Callable[[], set[str]],
        ignores_metadata: Callable[[], bool],
    ) -> None:
        self._local = local
        self._others = others
        self._own_names = own_names
        self._ignores_metadata = ignores_metadata

    async def unary(self, call: Call, metadata: MultiDict[str] | None) -> Any:
        """Return the (merged) reply."""
        targets, many = self._targets(call, metadata)
        if not many:
            return await self._callee(targets[0] if targets else None).unary(call)
        callees = [(target, self._callee(target)) for target in targets]
        replies = await asyncio.gather(*(self._element(target, callee, call) for target, callee in callees))
        merged = type(replies[0])()
        for reply in replies:
            merged.MergeFrom(reply)
        return merged

    async def stream(self, call: Call, metadata: MultiDict[str] | None) -> AsyncGenerator[Any, None]:
        """Yield the (merged) replies; closing the iterator ends every call behind it."""
        targets, many = self._targets(call, metadata)
        if not many:
            async with aclosing(self._callee(targets[0] if targets else None).stream(call)) as replies:
                async for reply in replies:
                    yield reply
            return
        callees = [(target, self._callee(target)) for target in targets]
        async with aclosing(_merge([(target, callee.stream(call)) for target, callee in callees])) as merged:
            async for target, reply in merged:
                reply.metadata.hostname = target
                yield reply

    def callee(self, address: str) -> Callee | None:
        """Return whom to ask for an address: this node, another one, or None without a way to forward."""
        return self._local if address in self._own_names() else self._others(address)

    def _targets(self, call: Call, metadata: MultiDict[str] | None) -> tuple[list[str], bool]:
        metadata = metadata if metadata is not None else MultiDict()
        if self._ignores_metadata() or "proxyfrom" in metadata:
            return [], False
        one, many = metadata.getall("node", []), metadata.getall("nodes", [])
        if len(one) > 1:
            raise refusals.invalid_argument("node metadata must be single-valued")
        if one:
            return one, False
        if not many:
            return [], False
        if not call.path.startswith(MULTIPLEXED_SERVICES):
            raise refusals.invalid_argument(f"one-2-many proxying is not supported for method {call.path}")
        own = len(many) == 1 and many[0] in self._own_names() and self._others(many[0]) is None
        return many, not own

    def _callee(self, target: str | None) -> Callee:
        if target is None or target in self._own_names():
            return self._local
        if not target or target.count(":") == 1:
            raise refusals.internal(f'invalid target: "{target}"')
        other = self._others(target)
        if other is None:
            raise refusals.permission_denied("no request forwarding")
        return other

    async def _element(self, target: str, callee: Callee, call: Call) -> Any:
        try:
            reply = await callee.unary(call)
            reply = type(reply).FromString(reply.SerializeToString())
            if not reply.messages:
                reply.messages.add()
        except GRPCError as error:
            reply = _reply_class(call)()
            metadata = reply.messages.add().metadata
            metadata.error = error.message or ""
            metadata.status.code = error.status.value
            metadata.status.message = error.message or ""
        for element in reply.messages:
            element.metadata.hostname = target
        return reply


def _reply_class(call: Call) -> Any:
    return method(call.path).reply_class


async def _merge(streams: list[tuple[str, AsyncGenerator[Any, None]]]) -> AsyncGenerator[tuple[str, Any], None]:
    """Yield (target, message) of several streams as they come; the first error ends all."""
    queue: asyncio.Queue[tuple[str, Any, BaseException | None]] = asyncio.Queue()

    async def pump(target: str, stream: AsyncGenerator[Any, None]) -> None:
        try:
            async with aclosing(stream):
                async for item in stream:
                    queue.put_nowait((target, item, None))
            queue.put_nowait((target, None, None))
        except Exception as error:
            queue.put_nowait((target, None, error))

    pumps = [asyncio.create_task(pump(target, stream)) for target, stream in streams]
    left = len(pumps)
    try:
        while left:
            target, item, error = await queue.get()
            if error is not None:
                raise error
            if item is None:
                left -= 1
            else:
                yield target, item
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
