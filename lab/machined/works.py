# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services do: nothing but be there, or keep one real program running."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Process, Program
from ansible_collections.homelab.talos.lab.machined.node import Node


class Presence:
    """A service emulated inside machined: it has no work of its own."""

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def run(self, started: Callable[[str], None]) -> None:
        """Be there until cancelled."""
        started("Service started as goroutine")
        await asyncio.Event().wait()


class ProcessEnded(Exception):
    """The program of a service ended by itself."""


class ProgramWork:
    """Keeps a real program running inside the node."""

    def __init__(self, node: Node, id: str, program: Program, *, as_task: bool = False) -> None:
        self._node = node
        self._id = id
        self._program = program
        self._as_task = as_task
        self._command = Command(())

    async def prepare(self) -> None:
        """Write the program's files."""
        node = self._node
        if node.config is None:
            raise RuntimeError("no machine configuration")
        bootstrap = node.etcd_start if self._id == "etcd" else None
        self._command = await self._program.prepare(node.config, node.facts(bootstrap=bootstrap))

    async def run(self, started: Callable[[str], None]) -> None:
        """Run the program; raises :class:`ProcessEnded` when it ends by itself."""
        process = await self._node.runtime.spawn(self._id, self._command.argv, dict(self._command.env))
        started(self._started(process.pid))
        await supervise(self._node, process, self._id)

    def _started(self, pid: int) -> str:
        if self._as_task:
            return f"Started task {self._id} (PID {pid}) for container {self._id}"
        return f"Process Process({json.dumps(list(self._command.argv))}) started with PID {pid}"

    async def health(self) -> str | None:
        """Ask the program for its health."""
        if self._node.config is None:
            return "no machine configuration"
        return await self._program.health(self._node.config)


async def supervise(node: Node, process: Process, id: str) -> None:
    """Wait for the end of a service's process; when cancelled while the node has power, end it."""
    node.pids[id] = process.pid
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        if node.powered:
            await process.terminate()
        raise
    finally:
        node.pids.pop(id, None)
    raise ProcessEnded(f'task "{id}" failed: exit code {code}')
