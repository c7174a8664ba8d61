# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a node reached what it reached in its present boot, as it says itself. Nothing here judges.

Only calls that the role os:reader may make. Times are seconds since the epoch on the node's own clock, with a
resolution of a second: that is what the kernel's boot time and the ids of Talos' events have.
Source: siderolabs/talos:api/machine/machine.proto (SystemStat, Events),
siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_events.go (the last 1000 events are kept).
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.node_state import read_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import read_each

Record = dict[str, Any]

SECTIONS = ("status", "services", "kubernetes", "boot_id")
_EVENTS = "machine.MachineService/Events"
_STATUS_EVENT = "machine.MachineStatusEvent"
_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"
# An id holds its time in the first 32 of its 100 bits, five of them in each character.
_TIME_CHARACTERS, _SURPLUS_BITS = 7, 3


async def read_boots(nodes: Mapping[str, Callable[[], Client]]) -> dict[str, Record]:
    """Read every node.

    :param nodes: name -> function that makes a client of the node.
    :return: name -> what :func:`read_boot` returns, or ``{"error": "..."}``.
    """
    return await read_each(nodes, read_boot)


async def read_boot(client: Client) -> Record:
    """Read one node.

    :return: ``status``, ``services``, ``kubernetes`` and ``boot_id`` as ``node_state.read_node`` gives them,
        ``boot_time`` (when the kernel started), and ``history``: the kept changes of the machine's status, oldest
        first, each with ``time``, ``stage`` and ``ready``.
    :raises TalosError: it cannot be asked.
    """
    state = await read_node(client, SECTIONS)
    statistics = await client.unary("machine.MachineService/SystemStat")
    return {**state, "boot_time": int(statistics.messages[0].boot_time), "history": await read_history(client)}


async def read_history(client: Client) -> list[Record]:
    """Return the changes of the machine's status that the node still has, oldest first.

    The stream of events has no end; the id of the newest one tells where the past ends.

    :raises TalosError: the node cannot be asked.
    """
    newest = ""
    async with contextlib.aclosing(_events(client, 1)) as stream:
        async for event in stream:
            newest = event.id
            break
    history = []
    async with contextlib.aclosing(_events(client, -1)) as stream:
        async for event in stream:
            if event.data.type_url.endswith(_STATUS_EVENT):
                history.append(_change(event))
            if event.id >= newest:
                break
    return history


async def _events(client: Client, tail: int) -> AsyncGenerator[Any, None]:
    """Yield the events of a node, without the greeting that comes first."""
    request = message("machine.EventsRequest")(tail_events=tail)
    async with contextlib.aclosing(client.stream(_EVENTS, request)) as stream:  # type: ignore[type-var]
        async for event in stream:
            if event.data.type_url:
                yield event


def _change(event: Any) -> Record:
    content = message(_STATUS_EVENT).FromString(event.data.value)
    stage = content.MachineStage.Name(content.stage).lower().replace("_", " ")
    return {"time": event_time(event.id), "stage": stage, "ready": content.status.ready}


def event_time(identity: str) -> int:
    """Return the time within the id of an event, in seconds since the epoch.

    Source: rs/xid (four bytes of time first, base32hex).

    :raises ValueError: it is no such id.
    """
    number = 0
    for character in identity[:_TIME_CHARACTERS]:
        number = number << 5 | _BASE32HEX.index(character)
    return number >> _SURPLUS_BITS
