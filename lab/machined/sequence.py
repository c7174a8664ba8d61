# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences, phases and tasks: bracketed by events and dmesg lines as Talos prints them.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_controller.go (run, runPhase, runTask).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from collections.abc import Sequence as ListOf
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.go_duration import go_duration
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.phases import tasks_of


class SequenceFailed(Exception):
    """A sequence ended with an error; the machine reboots after ten seconds."""


@dataclass(frozen=True)
class Phase:
    """A phase of a sequence.

    :ivar work: what it does, in brackets of tasks; None when it has nothing to do in the lab but to name its tasks.
    :ivar is_left_out: whether its condition does not hold: it is counted, and that is all.
    """

    name: str
    work: Callable[[Sequence], Awaitable[None]] | None = None
    is_left_out: bool = False


class Sequence:
    """One running sequence; ``actor_id`` is that of the request behind it."""

    def __init__(self, node: Node, name: str, actor_id: str = "") -> None:
        self._node = node
        self.name = name
        self.actor_id = actor_id
        self._task = ""
        self._phase = 0

    async def run(self, phases: ListOf[Phase]) -> None:
        """Pass through the phases; an error is reported and goes on as :class:`SequenceFailed`, in Talos' words."""
        started = self._node.clock.monotonic()
        self._publish(event_messages.sequence(self.name, event_messages.START))
        self._node.journal.talos(f"{self.name} sequence: {len(phases)} phase(s)")
        try:
            for self._phase, phase in enumerate(phases, 1):
                if not phase.is_left_out:
                    await self._run_phase(phase, f"{self._phase}/{len(phases)}")
        except Exception as error:
            text = f"error running phase {self._phase} in {self.name} sequence: {error}"
            self._publish(event_messages.sequence(self.name, event_messages.STOP))
            self._publish(event_messages.failed(self.name, text))
            self._node.journal.talos(f"{self.name} sequence: failed")
            raise SequenceFailed(text) from error
        self._publish(event_messages.sequence(self.name, event_messages.STOP))
        self._node.journal.talos(f"{self.name} sequence: done: {self._since(started)}")

    async def _run_phase(self, phase: Phase, progress: str) -> None:
        started = self._node.clock.monotonic()
        number = len(tasks_of(self.name, phase.name)) or 1
        self._publish(event_messages.phase(phase.name, event_messages.START))
        self._node.journal.talos(f"phase {phase.name} ({progress}): {number} tasks(s)")
        try:
            if phase.work is None:
                self.tasks(phase.name)
            else:
                await phase.work(self)
        except Exception:
            self._node.journal.talos(f"phase {phase.name} ({progress}): failed")
            raise
        finally:
            self._publish(event_messages.phase(phase.name, event_messages.STOP))
        self._node.journal.talos(f"phase {phase.name} ({progress}): done, {self._since(started)}")

    @contextmanager
    def task(self, name: str, progress: str = "1/1") -> Iterator[None]:
        """Bracket a task; ``progress`` counts it among those of its phase."""
        started = self._node.clock.monotonic()
        self._publish(event_messages.task(name, event_messages.START))
        self._task = f"task {name} ({progress})"
        self.log("starting")
        try:
            yield
        except Exception as error:
            self.log(f"failed: {error}")
            raise SequenceFailed(f"task {progress}: failed, {error}") from error
        finally:
            self._publish(event_messages.task(name, event_messages.STOP))
        self.log(f"done, {self._since(started)}")

    def log(self, text: str) -> None:
        """Write a line of the running task into the kernel log."""
        self._node.journal.talos(f"{self._task}: {text}")

    def tasks(self, phase: str) -> None:
        """Pass through the tasks of a phase."""
        names = tasks_of(self.name, phase)
        for number, name in enumerate(names, 1):
            with self.task(name, f"{number}/{len(names)}"):
                pass

    def _since(self, started: float) -> str:
        return go_duration(self._node.clock.monotonic() - started)

    def _publish(self, message: object) -> None:
        self._node.events.publish(message, self.actor_id)
