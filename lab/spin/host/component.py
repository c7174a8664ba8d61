# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A component of an app that answers requests, each with an instance of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import wasmtime
from wasmtime.component import Component, ResourceHost

from ansible_collections.homelab.talos.lab.spin.host.engine import TICK_SECONDS, Clock
from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
from ansible_collections.homelab.talos.lab.spin.host.guest import Guest, Permissions, Surroundings
from ansible_collections.homelab.talos.lab.spin.host.linking import Linked, set_guest
from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal, Trap
from ansible_collections.homelab.talos.lab.spin.host.wasi_http import IncomingRequest, ResponseOutparam

_HANDLER = "wasi:http/incoming-handler@0.2."
#: What wasmtime says of a guest that was stopped.
_STOPPED = "wasm trap: interrupt"


@dataclass(frozen=True)
class Limits:
    """What one instance may use: *memory* in bytes (0: no limit), *seconds* for a request."""

    memory: int = 0
    seconds: float = 30.0


class HttpComponent:
    """A component with an export of wasi:http/incoming-handler 0.2.

    Parameters: *engine* and its *clock*; *code* file of compiled code; *tolerant* see :class:`Linked`. Raises
    :class:`Refusal`.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        clock: Clock,
        code: Path,
        permissions: Permissions,
        surroundings: Surroundings,
        limits: Limits,
        *,
        tolerant: bool = False,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._permissions = permissions
        self._surroundings = surroundings
        self._limits = limits
        component = Component.deserialize_file(engine, str(code))
        self._handler = _handler_of(list(component.type.exports(engine)))
        self._linked = Linked(engine, component, tolerant=tolerant)
        self._require_start()

    def _require_start(self) -> None:
        """Make one instance, so that one that cannot be made is told at start and not by the first request."""
        guest = self._guest(Request("GET", "/"))
        try:
            set_guest(guest)
            with self._clock.watching():
                self._linked.instantiate(self._store(guest))
        except wasmtime.WasmtimeError as error:
            raise Refusal(f"it cannot be instantiated: {one_line(error)}") from None
        finally:
            set_guest(None)

    def answer(self, request: Request) -> Answer:
        """Run a new instance for *request*; raises :class:`Trap`."""
        guest = self._guest(request)
        outer = set_guest(guest)
        try:
            with self._clock.watching():
                self._run(guest)
        except wasmtime.WasmtimeError as error:
            raise Trap(explained(error, self._limits)) from None
        finally:
            set_guest(outer)
        if guest.answer is None:
            raise Trap("it returned without an answer")
        return guest.answer()

    def _run(self, guest: Guest) -> None:
        with self._store(guest) as store:
            instance = self._linked.instantiate(store)
            interface = instance.get_export_index(store, self._handler)
            function = instance.get_func(store, instance.get_export_index(store, "handle", interface))
            arguments = []
            for each in (IncomingRequest(guest.request), ResponseOutparam()):
                arguments.append(ResourceHost.own(guest.hand_out(each), guest.type_of(each)).to_any(store))
            function(store, *arguments)

    def _guest(self, request: Request) -> Guest:
        deadline = time.monotonic() + self._limits.seconds
        return Guest(self._permissions, self._surroundings, request, deadline, self._linked.resource_numbers)

    def _store(self, guest: Guest) -> wasmtime.Store:
        store = wasmtime.Store(self._engine)
        if self._limits.memory:
            store.set_limits(memory_size=self._limits.memory)
        store.set_epoch_deadline(int(guest.seconds_left / TICK_SECONDS) + 1)
        return store


def explained(error: Exception, limits: Limits) -> str:
    """Return why a guest ended, in one line."""
    text = one_line(error)
    if _STOPPED in text:
        return f"it was stopped: the request lasted longer than {limits.seconds:g} s"
    return text


def one_line(error: Exception) -> str:
    """Return the cause of an error of wasmtime without the frames of the guest."""
    lines = [line.strip() for line in str(error).splitlines()]
    # Frames of the guest are numbered, too; their text begins with an address.
    numbered = [line.partition(": ")[2].strip() for line in lines if line[:1].isdigit()]
    causes = [text for text in numbered if text and not text.startswith("0x")]
    return (causes or [line for line in lines if line and not line[0].isdigit()] or ["it ended without a reason"])[-1]


def _handler_of(exports: list[str]) -> str:
    found = [name for name in exports if name.startswith(_HANDLER)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(exports) or "nothing"
    raise Refusal(f"it exports {listed}, not wasi:http/incoming-handler 0.2: build it for Spin 3 (WASI 0.2)")
