# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process of a node, started from outside through ``nsenter``."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path


class NodeProcess:
    """A running process of a node.

    ``nsenter`` stays outside and ends with the process' own exit status; signals go to the process
    itself. *pid* is the process id as seen inside the node.
    """

    def __init__(self, outside: asyncio.subprocess.Process, host_pid: int, pid: int) -> None:
        self._outside = outside
        self.host_pid = host_pid
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        """Exit status, None while the process runs; 128 + n when signal n ended it."""
        code = self._outside.returncode
        return code if code is None or code >= 0 else 128 - code

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit status."""
        await self._outside.wait()
        return self.returncode or 0

    async def read_line(self) -> bytes:
        """Return the next line of its standard output, nothing at the end; only for a process that is read."""
        if self._outside.stdout is None:
            raise RuntimeError("the output of this process goes to a file")
        return await self._outside.stdout.readline()

    async def terminate(self, timeout: float = 10.0) -> None:
        """Send SIGTERM, after *timeout* seconds SIGKILL; returns when the process is gone."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout):
                await self._outside.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._outside.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._outside.returncode is None and self.host_pid:
            try:
                os.kill(self.host_pid, number)
            except ProcessLookupError:
                return


async def only_child(pid: int, outside: asyncio.subprocess.Process) -> int:
    """Return the process id of the one child of *pid*, 0 when *outside* ended without one."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    while outside.returncode is None:
        try:
            children = path.read_text(encoding="utf-8").split()
        except OSError:
            children = []
        if children:
            return int(children[0])
        # nsenter forks within a millisecond; its end is the other way out of this loop.
        await asyncio.sleep(0.001)
    return 0


def inner_pid(host_pid: int) -> int:
    """Return the process id that *host_pid* has in its innermost PID namespace (0 when it is gone)."""
    try:
        status = Path(f"/proc/{host_pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return host_pid
