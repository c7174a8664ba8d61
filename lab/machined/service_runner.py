# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one Talos service: states, events, conditions, restarts, health.

Source: siderolabs/talos:internal/app/machined/pkg/system/service_runner.go,
internal/app/machined/pkg/system/runner/restart, internal/app/machined/pkg/system/health.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock, NotReadyYet
from ansible_collections.homelab.talos.lab.machined.notice import NoticeBoard

MAX_EVENTS = 64
RESTART_SECONDS = 5.0
RETRY_SECONDS = 1.0


class State(StrEnum):
    """Service states, with the words of the API."""

    INITIALIZED = "Initialized"
    STARTING = "Starting"
    WAITING = "Waiting"
    PREPARING = "Preparing"
    RUNNING = "Running"
    STOPPING = "Stopping"
    FINISHED = "Finished"
    FAILED = "Failed"
    SKIPPED = "Skipped"


@dataclass(frozen=True)
class ServiceEvent:
    """One line of a service's history."""

    message: str
    state: State
    time: datetime


@dataclass(frozen=True)
class Health:
    """Result of the health check; ``unknown`` until the first result."""

    unknown: bool
    healthy: bool
    message: str
    changed: datetime


@dataclass(frozen=True)
class Condition:
    """Something a service waits for; the description appears in its event."""

    description: str
    met: Callable[[], bool]


@dataclass(frozen=True)
class HealthCheck:
    """Talos' defaults: first look after 1 s, then every 5 s.

    ``retry`` is the period while unhealthy: shorter than in Talos, so that labs form faster.
    ``check`` returns None when healthy, else the text behind "Health check failed: ".
    """

    check: Callable[[], Awaitable[str | None]]
    initial: float = 1.0
    period: float = 5.0
    retry: float = 1.0
    timeout: float = 5.0


class Work(Protocol):
    """What a service does. ``run`` calls its argument with the text of the Running event, and
    returns when its work ended; it is cancelled to stop it."""

    async def prepare(self) -> None: ...

    async def run(self, started: Callable[[str], None]) -> None: ...


@dataclass(frozen=True)
class ServiceDefinition:
    """A service as the node knows it; ``api`` holds the operations allowed through the API."""

    id: str
    work: Work
    conditions: Sequence[Condition] = ()
    health: HealthCheck | None = None
    api: frozenset[str] = frozenset()


class ServiceRunner:
    """Runs one service and keeps its history."""

    def __init__(
        self,
        definition: ServiceDefinition,
        clock: Clock,
        board: NoticeBoard,
        changed: Callable[[ServiceRunner], None],
    ) -> None:
        self.definition = definition
        self.id = definition.id
        self.state = State.INITIALIZED
        self.events: deque[ServiceEvent] = deque(maxlen=MAX_EVENTS)
        self.health = Health(True, False, "", clock.now())
        self._clock = clock
        self._board = board
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Running, and healthy if there is a health check."""
        return self.state is State.RUNNING and (self.definition.health is None or self.health.healthy)

    @property
    def active(self) -> bool:
        """Started and neither finished nor failed."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start the service; nothing happens when it is active already."""
        if not self.active:
            self.health = Health(True, False, "", self._clock.now())
            self._task = asyncio.create_task(self._live(), name=f"service {self.id}")

    async def stop(self) -> None:
        """Stop the service and wait for its end."""
        if self._task is None or self._task.done():
            return
        self.update(State.STOPPING, f"Stopping service {self.id}")
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.update(State.FINISHED, "Service finished successfully")

    def abandon(self) -> None:
        """Forget the service at once, without events: the power went off."""
        if self._task is not None:
            self._task.cancel()

    async def gone(self) -> None:
        """Wait for the end of an abandoned service."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def update(self, state: State, message: str) -> None:
        """Change the state, record the event and tell the node."""
        now = self._clock.now()
        if state is not State.RUNNING or self.state is not State.RUNNING:
            self.health = Health(True, False, "", now)
        self.state = state
        self.events.append(ServiceEvent(message, state, now))
        self._tell()

    def _tell(self) -> None:
        self._changed(self)
        self._board.post()

    async def _live(self) -> None:
        try:
            self.update(State.STARTING, "Starting service")
            await self._wait_for_conditions()
            await self._prepare()
            self.update(State.PREPARING, "Creating service runner")
            await self._run_forever()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.update(State.FAILED, f"Failed to run pre stage: {error}")

    async def _wait_for_conditions(self) -> None:
        shown = ""

        def met() -> bool:
            nonlocal shown
            waiting = ", ".join(c.description for c in self.definition.conditions if not c.met())
            if waiting and waiting != shown:
                shown = waiting
                self.update(State.WAITING, f"Waiting for {waiting}")
            return not waiting

        await self._board.until(met)

    async def _prepare(self) -> None:
        shown = "Running pre state"
        self.update(State.PREPARING, shown)
        while True:
            try:
                await self.definition.work.prepare()
                return
            except NotReadyYet as missing:
                if str(missing) != shown:
                    shown = str(missing)
                    self.update(State.PREPARING, shown)
                await self._clock.sleep(RETRY_SECONDS)

    async def _run_forever(self) -> None:
        while True:
            text = await self._run_once()
            while text:
                self.update(State.WAITING, text)
                await self._clock.sleep(RESTART_SECONDS)
                text = await self._prepare_again()

    async def _run_once(self) -> str:
        """Run the work to its end and return what is to be said about it."""
        watcher: asyncio.Task[None] | None = None
        try:
            if self.definition.health is not None:
                watcher = asyncio.create_task(self._watch_health(self.definition.health))
            await self.definition.work.run(lambda text: self.update(State.RUNNING, text))
            return f"Runner {self.id} exited without error, going to restart it"
        except Exception as error:
            return f"Error running {self.id}, going to restart forever: {error}"
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _prepare_again(self) -> str:
        """Prepare a restart; returns what went wrong, empty when nothing did."""
        try:
            await self._prepare()
            return ""
        except Exception as error:
            return f"Error running {self.id}, going to restart forever: {error}"

    async def _watch_health(self, check: HealthCheck) -> None:
        await self._board.until(lambda: self.state is State.RUNNING)
        await self._clock.sleep(check.initial)
        while True:
            self._judge(await self._ask(check))
            await self._clock.sleep(check.period if self.health.healthy else check.retry)

    async def _ask(self, check: HealthCheck) -> str | None:
        try:
            async with asyncio.timeout(check.timeout):
                return await check.check()
        except TimeoutError:
            return "context deadline exceeded"
        except OSError as error:
            return str(error)

    def _judge(self, problem: str | None) -> None:
        if self.state is not State.RUNNING:
            return
        healthy = problem is None
        text = "Health check successful" if healthy else f"Health check failed: {problem}"
        flipped = self.health.unknown or healthy != self.health.healthy
        if flipped:
            self.health = Health(False, healthy, problem or "", self._clock.now())
            self.events.append(ServiceEvent(text, self.state, self._clock.now()))
            self._tell()
        elif self.health.message != (problem or ""):
            self.health = Health(False, healthy, problem or "", self.health.changed)
