# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaking the nodes on purpose, from a test: whatever becomes of the test, the fault is lifted.

A fault belongs to the process of the test. When that ends without lifting it, also by SIGKILL, the provider lifts it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle


class FaultRefused(Exception):
    """The provider did not do what was asked; one line with what it said."""


class Faults:
    """The faults of the provider of the nodes."""

    def __init__(self, lab: LabHandle) -> None:
        self._lab = lab

    @contextmanager
    def on(self, fault: str, *targets: str, **parameters: str) -> Iterator[str]:
        """Hold a fault within a ``with`` block; its value is the id of the fault.

        :param targets: names of nodes; for a group several, separated by commas.
        :raises FaultRefused: it cannot be switched on, or not be lifted.
        :raises MissingCapability: the provider has no faults.
        """
        options = [word for name, value in parameters.items() for word in ("--set", f"{name}={value}")]
        id = self._ask("on", [fault, *targets, *options, "--owner", str(os.getpid())])["id"]
        try:
            yield id
        finally:
            self.lift(id)

    def lift(self, id: str) -> None:
        """Lift a fault before the end of its block or of its owner; nothing happens when it is not on.

        :raises FaultRefused: it cannot be lifted.
        """
        if id in {held["id"] for held in self.held()}:
            self._ask("off", [id])

    def held(self) -> list[dict[str, Any]]:
        """Return the faults that are on: id, fault, targets, parameters, owner."""
        faults: list[dict[str, Any]] = self._ask("status", [])["faults"]
        return faults

    def _ask(self, verb: str, arguments: Sequence[str]) -> dict[str, Any]:
        done = self._lab.fault(verb, ["--json", *arguments])
        if done.returncode != 0:
            raise FaultRefused(f"fault {verb} {' '.join(arguments)}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def faults(lab: LabHandle) -> Faults:
    """The faults of the provider of the nodes."""
    return Faults(lab)
