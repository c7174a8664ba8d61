# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket of a lab: one JSON request and one JSON answer per connection.

The socket is only readable by the user who started the lab.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_LIMIT_BYTES = 16 * 1024 * 1024


def socket_path(run_directory: Path) -> Path:
    """Return the path of the control socket of the lab with *run_directory*."""
    return run_directory / "control.sock"


async def serve(run_directory: Path, handle: Handler) -> asyncio.AbstractServer:
    """Answer requests with *handle*; a :class:`LabError` it raises becomes the answer."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            try:
                answer = await handle(request)
            except LabError as error:
                answer = {"error": {"cause": error.cause, "remedy": error.remedy}}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            return
        finally:
            writer.close()

    path = socket_path(run_directory)
    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(connected, str(path), limit=_LIMIT_BYTES)
    finally:
        os.umask(mask)


def ask(run_directory: Path, request: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
    """Send *request* and return the answer within *timeout* seconds.

    Raises :class:`LabError` when the lab's supervisor does not answer or refuses.
    """
    path = socket_path(run_directory)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                answer: dict[str, Any] = json.loads(stream.readline())
    except (OSError, ValueError) as error:
        cause = f"lab {run_directory.name}: its supervisor does not answer ({error})"
        raise LabError(cause, f"take it down: tools/lab down {run_directory.name}") from None
    if "error" in answer:
        raise LabError(answer["error"]["cause"], answer["error"]["remedy"])
    return answer
