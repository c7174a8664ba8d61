# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a node for a sequence (reboot, reset ...) and following the events of exactly that request.

A sequence that fails or does not start is noticed at once, with the node's own words, and not when a limit has passed.

Source: siderolabs/talos:pkg/machinery/api/machine/machine.proto (Events, SequenceEvent, PhaseEvent),
internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_controller.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import OpenNode
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import WaitTimeout

EVENTS = "machine.MachineService/Events"
# The phases after which a node does not answer any more.
LAST_PHASES = ("reboot", "shutdown")
SILENCE_SECONDS = 60.0
_REMEDY = "read the kernel log of the node (talosctl dmesg); what the sequence had done until then stays done"


class SequenceFailed(TalosError):
    """A sequence ended with an error, or did not start."""


async def ask_and_follow(
    node: OpenNode, name: str, method: str, request: Any, timeout: float, silence: float = SILENCE_SECONDS
) -> None:
    """Call a method that starts a sequence and return when the sequence is in its last phase.

    A node that does not tell its events is only asked.

    :param name: the node in messages.
    :param method: such as ``machine.MachineService/Reboot``; its reply carries an actor id.
    :param timeout: limit in seconds.
    :param silence: seconds without any event after which the node is not listened to any more.
    :raises SequenceFailed: with the words of the node.
    :raises TalosError: the node refuses.
    :raises WaitTimeout: the sequence is not over in time.
    """
    async with aclosing(node.client.stream(EVENTS, message("machine.EventsRequest")(), timeout=timeout)) as events:
        if not await _hello(events):
            await node.client.unary(method, request)
            return
        queue: asyncio.Queue[Any] = asyncio.Queue()
        collecting = asyncio.create_task(_collect(events, queue))
        try:
            reply = await node.client.unary(method, request)
            await _follow(queue, name, reply.messages[0].actor_id, timeout, silence)
        finally:
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)


async def _hello(events: AsyncIterator[Any]) -> bool:
    """Wait for the first, empty event: from then on nothing is missed."""
    try:
        await anext(events)
    except (TalosError, StopAsyncIteration):
        return False
    return True


async def _collect(events: AsyncIterator[Any], queue: asyncio.Queue[Any]) -> None:
    """Take events as they come, then None: what has not been taken when a node cuts the connection is lost."""
    try:
        async for event in events:
            queue.put_nowait(event)
    except TalosError:
        pass  # the end, too
    finally:
        queue.put_nowait(None)


async def _follow(events: asyncio.Queue[Any], name: str, actor: str, timeout: float, silence: float) -> None:
    shown = "no event of the sequence"
    try:
        async with asyncio.timeout(timeout):
            while (event := await _next(events, silence)) is not None:
                if event.actor_id != actor:
                    continue
                _check(name, event)
                phase = _started_phase(event)
                if phase in LAST_PHASES:
                    return
                shown = f"phase {phase}" if phase else shown
    except TimeoutError:
        raise WaitTimeout(f"{name} to pass the sequence it was asked for", timeout, shown) from None


async def _next(events: asyncio.Queue[Any], silence: float) -> Any:
    """Return the next event; None when the connection is gone, or so quiet that it may be: so may the node."""
    try:
        async with asyncio.timeout(silence):
            return await events.get()
    except TimeoutError:
        return None


def _decoded(event: Any, kind: str) -> Any:
    """Return the event's content when it is of a kind, else None."""
    if not event.data.type_url.endswith(f"/{kind}"):
        return None
    return message(kind).FromString(event.data.value)


def _check(name: str, event: Any) -> None:
    sequence = _decoded(event, "machine.SequenceEvent")
    if sequence is not None and sequence.HasField("error"):
        raise SequenceFailed(name, f"{sequence.sequence}: {sequence.error.message}", remedy=_REMEDY)


def _started_phase(event: Any) -> str:
    """Return the name of the phase that an event starts, else an empty string."""
    phase = _decoded(event, "machine.PhaseEvent")
    if phase is None or phase.action != enum("machine.PhaseEvent.Action").Value("START"):
        return ""
    return str(phase.phase)
