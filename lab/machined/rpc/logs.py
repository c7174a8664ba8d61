# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs, LogsContainers, Dmesg.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.container_names import SYSTEM_NAMESPACE, check_inspector, names
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/"
CHUNK_BYTES = 64 * 1024
LOOK_SECONDS = 0.2  # how often a followed file is looked at


class LogCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Logs": self._logs,
            f"{PREFIX}LogsContainers": self._containers,
            f"{PREFIX}Dmesg": self._dmesg,
        }

    async def _dmesg(self, call: Call) -> AsyncGenerator[Any, None]:
        kernel = self._node.journal.kernel
        if call.request.follow:
            async with aclosing(kernel.follow(0 if call.request.tail else -1, self._node.going_down)) as lines:
                async for line in lines:
                    yield _data(f"{line}\n".encode())
        elif not call.request.tail:
            for line in kernel.tail():
                yield _data(f"{line}\n".encode())

    async def _containers(self, call: Call) -> Any:
        reply = message("machine.LogsContainersResponse")()
        reply.messages.add(ids=self._node.journal.ids())
        return reply

    async def _logs(self, call: Call) -> AsyncGenerator[Any, None]:
        request, journal = call.request, self._node.journal
        lines = max(request.tail_lines, -1)
        if request.namespace != SYSTEM_NAMESPACE and request.id != "kubelet":
            source = self._file(await self._container_log(request), lines, request.follow)
        elif journal.file(request.id).is_file():
            source = self._file(journal.file(request.id), lines, request.follow)
        elif request.id in journal.ids():
            source = self._memory(request.id, lines, request.follow)
        else:
            raise refusals.unknown(f'log "{request.id}" was not registered')
        async with aclosing(source) as pieces:
            async for piece in pieces:
                yield _data(piece)

    async def _container_log(self, request: Any) -> Path:
        check_inspector(request)
        for container in await self._node.programs.kubernetes.containers():
            if request.id in names(container) and container.get("log"):
                return Path(container["log"])
        raise refusals.unknown(f'container "{request.id}" not found')

    async def _memory(self, id: str, lines: int, follow: bool) -> AsyncGenerator[bytes, None]:
        log = self._node.journal.service(id)
        if follow:
            async with aclosing(log.follow(lines, self._node.going_down)) as coming:
                async for line in coming:
                    yield f"{line}\n".encode()
            return
        for line in log.tail(lines):
            yield f"{line}\n".encode()

    async def _file(self, path: Path, lines: int, follow: bool) -> AsyncGenerator[bytes, None]:
        with path.open("rb") as log:
            if lines >= 0 and (tail := b"".join(deque(log, maxlen=lines))):
                yield tail
            while True:
                while chunk := log.read(CHUNK_BYTES):
                    yield chunk
                if not follow:
                    return
                await asyncio.sleep(LOOK_SECONDS)


def _data(content: bytes) -> Any:
    return message("common.Data")(bytes=content)


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return LogCalls(node).handlers()
