# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of one request decide; those of others, and a node that tells none, do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized, Unreachable
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import OpenNode
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import MachineStatus
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.sequence_watch import (
    SequenceFailed,
    ask_and_follow,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import WaitTimeout

METHOD = "machine.MachineService/Reboot"
HANG = object()


def _event(actor: str, content: Any) -> Any:
    event = message("machine.Event")(actor_id=actor)
    event.data.type_url = f"talos/runtime/{content.DESCRIPTOR.full_name}"
    event.data.value = content.SerializeToString()
    return event


def _phase(name: str, actor: str = "mine", action: str = "START") -> Any:
    number = enum("machine.PhaseEvent.Action").Value(action)
    return _event(actor, message("machine.PhaseEvent")(phase=name, action=number))


def _failed(text: str, actor: str = "mine") -> Any:
    content = message("machine.SequenceEvent")(sequence="reboot")
    content.error.message = text
    return _event(actor, content)


class FakeClient:
    """Tells some events, and answers one call."""

    def __init__(self, *events: Any) -> None:
        self.events = events
        self.asked: list[str] = []
        self.closed = False

    async def stream(self, path: str, request: Any, *, timeout: float) -> AsyncIterator[Any]:
        try:
            for event in (message("machine.Event")(), *self.events):
                if event is HANG:
                    await asyncio.Event().wait()
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed = True

    async def unary(self, path: str, request: Any) -> Any:
        self.asked.append(path)
        reply = message("machine.RebootResponse")()
        reply.messages.add(actor_id="mine")
        return reply


class SilentClient(FakeClient):
    """Refuses to tell events."""

    async def stream(self, path: str, request: Any, *, timeout: float) -> AsyncIterator[Any]:
        if path:  # always; what follows makes this a stream
            raise NotAuthorized("w1", "not authorized")
        yield


def _run(client: FakeClient, timeout: float = 5.0, silence: float = 5.0) -> None:
    node = OpenNode(client, "mtls", MachineStatus("running", True))
    asyncio.run(ask_and_follow(node, "w1", METHOD, message("machine.RebootRequest")(), timeout, silence))


@pytest.mark.parametrize(
    "events",
    [
        (_phase("cleanup"), _phase("reboot"), HANG),
        (_phase("cleanup"), _phase("shutdown"), HANG),
        (_phase("cleanup"), Unreachable("w1", "connection lost")),
        (_failed("drained too long", actor="other"), _phase("reboot", actor="other"), _phase("reboot"), HANG),
        (),
    ],
)
def test_ends_with_the_last_phase_or_the_connection(events: tuple[Any, ...]) -> None:
    client = FakeClient(*events)
    _run(client)
    assert (client.asked, client.closed) == ([METHOD], True)


def test_a_sequence_that_fails_ends_it_with_its_words() -> None:
    client = FakeClient(_phase("drain"), _phase("drain", action="STOP"), _failed("sequence not started: locked"), HANG)
    with pytest.raises(SequenceFailed, match="^.*$") as failure:
        _run(client)
    assert str(failure.value).startswith("w1: reboot: sequence not started: locked (UNKNOWN); remedy: read the kernel")
    assert client.closed


def test_the_limit_names_the_phase() -> None:
    with pytest.raises(WaitTimeout) as late:
        _run(FakeClient(_phase("drain"), _phase("drain", action="STOP"), HANG), 0.1)
    assert str(late.value) == ("waited 0.1 s for w1 to pass the sequence it was asked for; last observed: phase drain")


def test_a_connection_that_went_quiet_is_left_to_the_wait_that_follows() -> None:
    client = FakeClient(_phase("drain"), HANG)
    _run(client, timeout=5.0, silence=0.05)
    assert client.closed


def test_a_node_that_tells_no_events_is_only_asked() -> None:
    client = SilentClient()
    _run(client)
    assert client.asked == [METHOD]
