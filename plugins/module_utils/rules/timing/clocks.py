# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three clocks of a node's boot: Kubernetes Ready, machine ready, stage running.

They are different things. A node can be Ready and its machine ready while its boot has not finished, and then it
reboots after 70 minutes. Sources: siderolabs/talos:internal/app/machined/pkg/controllers/runtime/machine_status.go,
siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer_tasks.go (StartAllServices).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CLOCKS = ("kubernetes_ready", "machine_ready", "stage_running")


@dataclass(frozen=True)
class ClockReading:
    """One clock of one node.

    :ivar reached: whether it holds now.
    :ivar seconds: from the start of the boot until it held first; None when that is not known, or it does not hold.
    :ivar reason: why it does not hold, or why the time is not known; else empty.
    """

    reached: bool
    seconds: int | None = None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as a plain dict with the keys of this class."""
        return {"reached": self.reached, "seconds": self.seconds, "reason": self.reason}

    def __str__(self) -> str:
        if not self.reached:
            return f"not reached: {self.reason}"
        return f"{self.seconds} s" if self.seconds is not None else f"reached, {self.reason}"


@dataclass(frozen=True)
class Wait:
    """A service that the boot waits for.

    :ivar service: id, such as ``ext-tailscale``.
    :ivar message: what it says itself, such as ``Waiting for extension service config``.
    :ivar fix: what an operator can do.
    :ivar needs_operator: whether nothing but that helps.
    """

    service: str
    message: str
    fix: str
    needs_operator: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the wait as a plain dict."""
        return {
            "service": self.service,
            "message": self.message,
            "fix": self.fix,
            "needs_operator": self.needs_operator,
        }

    def __str__(self) -> str:
        return f"{self.service} ({self.message[:1].lower()}{self.message[1:]})" if self.message else self.service


@dataclass(frozen=True)
class BootTiming:
    """The boot of one node.

    :ivar error: why it could not be asked, empty when it could; then nothing below means anything.
    :ivar started: when the boot began that is timed, seconds since the epoch on the node's clock.
    :ivar clocks: name of :data:`CLOCKS` -> reading.
    :ivar waiting_for: services the boot still waits for.
    """

    name: str
    machine_type: str
    role: str
    error: str = ""
    boot_id: str = ""
    stage: str = ""
    started: int = 0
    clocks: Mapping[str, ClockReading] | None = None
    waiting_for: tuple[Wait, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether every clock was reached, or is held up by what only an operator can give."""
        if self.clocks is None:
            return False
        held_up = {"stage_running"} if any(wait.needs_operator for wait in self.waiting_for) else set()
        return all(reading.reached or name in held_up for name, reading in self.clocks.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the timing as plain data; every clock of :data:`CLOCKS` is a key of its own."""
        return {
            "name": self.name,
            "machine_type": self.machine_type,
            "role": self.role,
            "error": self.error,
            "boot_id": self.boot_id,
            "stage": self.stage,
            "started": self.started,
            "waiting_for": [wait.to_dict() for wait in self.waiting_for],
            **{name: None if self.clocks is None else self.clocks[name].to_dict() for name in CLOCKS},
        }

    def __str__(self) -> str:
        if self.clocks is None:
            return f"{self.name}: cannot be asked: {self.error}"
        return f"{self.name}: " + ", ".join(f"{name} {self.clocks[name]}" for name in CLOCKS)
