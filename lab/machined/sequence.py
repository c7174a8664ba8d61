# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences and phases: bracketed by events and dmesg lines as Talos prints them.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.phases import tasks_of


class SequenceFailed(Exception):
    """A sequence ended with an error; the machine reboots after ten seconds."""


class Sequence:
    """One running sequence; ``actor_id`` is that of the request behind it."""

    def __init__(self, node: Node, name: str, actor_id: str = "") -> None:
        self._node = node
        self.name = name
        self.actor_id = actor_id
        self._task = ""
        self._phase = 0

    @contextmanager
    def running(self) -> Iterator[Sequence]:
        """Bracket the sequence; an exception is reported and goes on as :class:`SequenceFailed`, in Talos' words."""
        self._publish(event_messages.sequence(self.name, event_messages.START))
        self._node.journal.talos(f"{self.name} sequence: started")
        try:
            yield self
        except Exception as error:
            text = f"error running phase {self._phase} in {self.name} sequence: {error}"
            self._publish(event_messages.sequence(self.name, event_messages.STOP))
            self._publish(event_messages.failed(self.name, text))
            self._node.journal.talos(f"{self.name} sequence: failed")
            raise SequenceFailed(text) from error
        self._publish(event_messages.sequence(self.name, event_messages.STOP))
        self._node.journal.talos(f"{self.name} sequence: done")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Bracket a phase."""
        self._phase += 1
        self._publish(event_messages.phase(name, event_messages.START))
        self._node.journal.talos(f"phase {name}: started")
        try:
            yield
        except Exception:
            self._node.journal.talos(f"phase {name}: failed")
            raise
        finally:
            self._publish(event_messages.phase(name, event_messages.STOP))
        self._node.journal.talos(f"phase {name}: done")

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Bracket a task, the only one of its phase."""
        self._publish(event_messages.task(name, event_messages.START))
        self._task = f"task {name} (1/1)"
        self.log("starting")
        try:
            yield
        except Exception as error:
            self.log(f"failed: {error}")
            raise SequenceFailed(f"task 1/1: failed, {error}") from error
        finally:
            self._publish(event_messages.task(name, event_messages.STOP))
        self.log("done")

    def log(self, text: str) -> None:
        """Write a line of the running task into the kernel log."""
        self._node.journal.talos(f"{self._task}: {text}")

    def phases(self, *names: str) -> None:
        """Pass through phases that have nothing to do in the lab."""
        for name in names:
            with self.phase(name):
                self.tasks(name)

    def tasks(self, phase: str) -> None:
        """Pass through the tasks of a phase."""
        for name in tasks_of(self.name, phase):
            with self.task(name):
                pass

    def _publish(self, message: object) -> None:
        self._node.events.publish(message, self.actor_id)
