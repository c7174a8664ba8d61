# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a running command, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from ansible_collections.homelab.talos.lab.machined.interfaces import CommandFailed

PIECE_BYTES = 64 * 1024


async def pieces(
    process: asyncio.subprocess.Process, kill: Callable[[], Awaitable[None]]
) -> AsyncGenerator[bytes, None]:
    """Yield what *process* writes to standard output; both of its outputs must be pipes.

    *kill* is awaited when the iterator is closed before the process has ended. Raises ``CommandFailed`` at the
    end when the status is not 0.
    """
    output, errors = process.stdout, process.stderr
    if output is None or errors is None:
        raise ValueError("the outputs of the process are no pipes")
    complaints = asyncio.create_task(errors.read())
    try:
        while piece := await output.read(PIECE_BYTES):
            yield piece
        text = (await complaints).decode(errors="replace").strip().replace("\n", "; ")
        status = await process.wait()
    finally:
        if process.returncode is None:
            await kill()
            await process.wait()
        complaints.cancel()
    if status != 0:
        raise CommandFailed(status, text)
