# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, List, Copy, DiskUsage, Mounts.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.homelab.talos.lab.machined import node_files, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.file_entry import DIRECTORY, REGULAR, SYMLINK, Entry
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/"
OWN_MOUNTS = ("/dev", "/etc", "/opt", "/proc", "/run", "/sys", "/system", "/var")
KERNEL_MEMORY = "/proc/kcore"  # has the size of the address space
_KINDS = {0: REGULAR, 1: DIRECTORY, 2: SYMLINK}


class FileCalls:
    """The calls of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Read": self._read,
            f"{PREFIX}List": self._list,
            f"{PREFIX}Copy": self._copy,
            f"{PREFIX}DiskUsage": self._usage,
            f"{PREFIX}Mounts": self._mounts,
        }

    async def _read(self, call: Call) -> AsyncGenerator[Any, None]:
        try:
            async with aclosing(node_files.read_file(self._node, call.request.path)) as pieces:
                async for piece in pieces:
                    yield message("common.Data")(bytes=piece)
        except node_files.FileError as error:
            raise (refusals.not_found if error.missing else refusals.unknown)(str(error)) from None

    async def _copy(self, call: Call) -> AsyncGenerator[Any, None]:
        path = posixpath.normpath(call.request.root_path or ".")
        if not path.startswith("/"):
            raise refusals.unknown(f"path is not absolute {path}")
        try:
            async with aclosing(node_files.archive(self._node, path)) as pieces:
                async for piece in pieces:
                    yield message("common.Data")(bytes=piece)
        except node_files.FileError as error:
            raise refusals.unknown(str(error)) from None

    async def _list(self, call: Call) -> AsyncGenerator[Any, None]:
        request = call.request
        depth = (request.recursion_depth or -1) if request.recurse else 1
        wanted = {_KINDS[type] for type in request.types}
        try:
            async with aclosing(node_files.list_files(self._node, _root(request.root), depth)) as entries:
                async for entry in entries:
                    if not wanted or entry.kind in wanted:
                        yield _file_info(entry)
        except node_files.FileError as error:
            raise refusals.unknown(str(error)) from None

    async def _usage(self, call: Call) -> AsyncGenerator[Any, None]:
        for path in call.request.paths:
            root = _root(path)
            try:
                async with aclosing(node_files.list_files(self._node, root, -1)) as found:
                    entries = [entry async for entry in found]
            except node_files.FileError as error:
                yield message("machine.DiskUsageInfo")(name=root, relative_name=root, error=str(error))
                continue
            for info in _usage(entries, call.request):
                yield info

    async def _mounts(self, call: Call) -> Any:
        reply = message("machine.MountsResponse")()
        element = reply.messages.add()
        _status, mounts, _errors = await self._node.runtime.run(["cat", "/proc/mounts"])
        lines = [line.split() for line in mounts.decode(errors="replace").splitlines()]
        rows = [row for row in visible([row for row in lines if len(row) > 1]) if _of_node(_unescape(row[1]))]
        points = [_unescape(row[1]) for row in rows]
        _status, output, _errors = await self._node.runtime.run(["stat", "-f", "-c", "%S %b %a %n", "--", *points])
        sizes = {}
        for line in output.decode(errors="replace").splitlines():
            block, total, free, point = line.split(" ", 3)
            sizes[point] = (int(block) * int(total), int(block) * int(free))
        for row, point in zip(rows, points, strict=False):
            size, available = sizes.get(point, (0, 0))
            element.stats.add(filesystem=row[0], size=size, available=available, mounted_on=point)
        return reply


def _of_node(point: str) -> bool:
    """Return whether a mount point belongs to what a node has of its own, not to the machine below."""
    return point == "/" or point.startswith(OWN_MOUNTS)


def visible(rows: list[list[str]]) -> list[list[str]]:
    """Return the rows of /proc/mounts (device, place ...) that no later mount hides: its place or one above."""
    found: list[list[str]] = []
    later: set[str] = set()
    for row in reversed(rows):
        path = PurePosixPath(row[1])
        if not later & {str(each) for each in (path, *path.parents)}:
            found.append(row)
        later.add(str(path))
    return found[::-1]


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _root(path: str) -> str:
    return "/" + path.strip("/")


def _file_info(entry: Entry) -> Any:
    return message("machine.FileInfo")(
        name=entry.path,
        relative_name=entry.relative,
        size=entry.size,
        mode=entry.mode,
        modified=entry.modified,
        is_dir=entry.kind == DIRECTORY,
        link=entry.link,
        uid=entry.uid,
        gid=entry.gid,
    )


def _usage(entries: list[Entry], request: Any) -> list[Any]:
    """Return the sizes of directories (and of files, when all are wanted), each behind what is below it."""
    sizes: dict[str, int] = {}
    top = PurePosixPath(entries[0].path)
    for entry in entries:
        size = 0 if entry.path == KERNEL_MEMORY else entry.size
        path = PurePosixPath(entry.path)
        for above in (path, *path.parents):
            if above == top or top in above.parents:
                sizes[str(above)] = sizes.get(str(above), 0) + size
    found = []
    for entry in reversed(entries):
        depth = len(PurePosixPath(entry.path).parts) - len(top.parts)
        too_deep = 0 < request.recursion_depth <= depth
        too_small = request.threshold > 0 and sizes[entry.path] < request.threshold
        too_big = request.threshold < 0 and sizes[entry.path] > -request.threshold
        if too_deep or too_small or too_big or (entry.kind != DIRECTORY and not request.all):
            continue
        found.append(
            message("machine.DiskUsageInfo")(name=entry.path, relative_name=entry.relative, size=sizes[entry.path])
        )
    return found


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return FileCalls(node).handlers()
