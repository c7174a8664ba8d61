# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes whose commands run for real, on this machine, or are answered from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined.clock import LabClock
from ansible_collections.homelab.talos.lab.machined.description import NodeDescription
from ansible_collections.homelab.talos.lab.machined.discovery import Discovery
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.node.output import pieces

from .fakes import FakePrograms, FakeRuntime, Wire


class LocalRuntime(FakeRuntime):
    """Runs commands on this machine; ``streaming`` are the processes of streams, ended ones included."""

    def __init__(self, name: str, address: str, directory: Path, wire: Wire) -> None:
        super().__init__(name, address, directory, wire)
        self.streaming: list[asyncio.subprocess.Process] = []

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        output, errors = await asyncio.wait_for(process.communicate(), timeout)
        return process.returncode or 0, output, errors

    async def stream(self, argv: Sequence[str]) -> AsyncGenerator[bytes, None]:
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
        )
        self.streaming.append(process)

        async def kill() -> None:
            process.kill()

        async with aclosing(pieces(process, kill)) as output:
            async for piece in output:
                yield piece


class ScriptedRuntime(FakeRuntime):
    """Answers commands from a table (joined arguments -> output); everything else succeeds silently."""

    answers: Mapping[str, str] = {}

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        self.commands.append(list(argv))
        return 0, self.answers.get(" ".join(argv), "").encode(), b""


def on_a_node(
    kind: type[FakeRuntime], directory: Path, scenario: Callable[[Node], Coroutine[Any, Any, None]]
) -> FakeRuntime:
    """Run *scenario* on a node without services and return its runtime."""
    runtime = kind("cp1", "198.18.9.11", directory, Wire())

    async def main() -> None:
        await runtime.power_on()
        clock = LabClock()
        description = NodeDescription("cp1", "198.18.9.11", "v1.13.9")
        node = Node(runtime, description, FakePrograms(directory), Discovery(clock), clock)
        node.fresh()
        await scenario(node)

    asyncio.run(main())
    return runtime
