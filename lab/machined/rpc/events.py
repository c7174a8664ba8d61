# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what happened, and what happens.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Events),
internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_events.go.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.event_log import Event
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

TYPE_PREFIX = "talos/runtime/"
NIL_ID = "0" * 20
_XID = re.compile("[0-9a-v]{20}")


def handlers(node: Node) -> Handlers:
    """Return the handler."""

    async def events(call: Call) -> AsyncGenerator[Any, None]:
        request = call.request
        if request.tail_id and not _XID.fullmatch(request.tail_id):
            raise refusals.unknown("error parsing tail_id: xid: invalid ID")
        with node.events.subscribe() as queue:
            yield message("machine.Event")(id=NIL_ID, actor_id=request.with_actor_id)  # hello
            for event in _tail(node, request):
                yield _encode(event)
            async with aclosing(until_down(node, queue)) as coming:
                async for event in coming:
                    if request.with_actor_id in ("", event.actor_id):
                        yield _encode(event)

    return {"/machine.MachineService/Events": events}


async def until_down(node: Node, queue: asyncio.Queue[Event]) -> AsyncGenerator[Event, None]:
    """Yield what comes through *queue* until the machine goes down."""
    down = asyncio.create_task(node.going_down.wait())
    try:
        while True:
            item = asyncio.create_task(queue.get())
            try:
                await asyncio.wait({item, down}, return_when=asyncio.FIRST_COMPLETED)
                if not item.done():
                    return
            finally:
                item.cancel()
            yield item.result()
    finally:
        down.cancel()


def _tail(node: Node, request: Any) -> list[Event]:
    def mine(event: Event) -> bool:
        return request.with_actor_id in ("", event.actor_id)

    if request.tail_events:
        found = node.events.select(mine)
        return found if request.tail_events < 0 else found[-request.tail_events :]
    if request.tail_id:
        return node.events.select(lambda event: mine(event) and event.id > request.tail_id)
    if request.tail_seconds:
        since = node.clock.now() - timedelta(seconds=request.tail_seconds)
        return node.events.select(lambda event: mine(event) and event.time >= since)
    return []


def _encode(event: Event) -> Any:
    encoded = message("machine.Event")(id=event.id, actor_id=event.actor_id)
    encoded.data.type_url = TYPE_PREFIX + event.message.DESCRIPTOR.full_name
    encoded.data.value = event.message.SerializeToString()
    return encoded
