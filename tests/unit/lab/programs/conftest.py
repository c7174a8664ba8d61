# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine configuration with real certificates, and a machine that only records what is run on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.tests.support import definitions

FACTS = Facts(hostname="cp1", address="198.18.1.11", machine_type="controlplane")


@dataclass
class RecordingRuntime:
    """Stands for a node: files go to *directory*, *commands* and *inputs* are kept, *answers* are given in turn."""

    directory: Path
    name: str = "cp1"
    address: str = "198.18.1.11"
    commands: list[list[str]] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    answers: list[tuple[int, bytes, bytes]] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """An engine without anything."""
        return Engine(self.directory / "bin", self.directory / "images", self.directory / "cni", "test", {})

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        self.commands.append(list(argv))
        self.inputs.append((input or b"").decode())
        return self.answers.pop(0) if self.answers else (0, b"", b"")


@pytest.fixture(scope="session")
def bundle() -> dict[str, object]:
    return secrets_bundle.generate()


@pytest.fixture
def controlplane(bundle: dict[str, object]) -> MachineConfig:
    return render(definitions.cluster(), definitions.node("cp1"), bundle)


@pytest.fixture
def runtime(tmp_path: Path) -> RecordingRuntime:
    return RecordingRuntime(tmp_path)
