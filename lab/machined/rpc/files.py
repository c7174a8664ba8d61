# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, List, Copy, DiskUsage, Mounts.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.homelab.talos.lab.machined import node_files, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

PREFIX = "/machine.MachineService/"
CHUNK_BYTES = 1024 * 1024
OWN_MOUNTS = ("/dev", "/etc", "/opt", "/proc", "/run", "/sys", "/system", "/var")
_TYPES = {0: "f", 1: "d", 2: "l"}


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

    async def _read(self, call: Call) -> AsyncIterator[Any]:
        try:
            content = await node_files.read_file(self._node, call.request.path)
        except node_files.FileError as error:
            raise (refusals.not_found if error.missing else refusals.unknown)(str(error)) from None
        for chunk in _chunks(content):
            yield chunk

    async def _copy(self, call: Call) -> AsyncIterator[Any]:
        path = call.request.root_path
        if not path.startswith("/"):
            raise refusals.unknown(f"path is not absolute {path}")
        try:
            content = await node_files.archive(self._node, path)
        except node_files.FileError as error:
            reply = message("common.Data")()
            reply.metadata.error = str(error)
            yield reply
            return
        for chunk in _chunks(content):
            yield chunk

    async def _list(self, call: Call) -> AsyncIterator[Any]:
        request = call.request
        root = "/" + request.root.strip("/")
        depth = (request.recursion_depth or -1) if request.recurse else 1
        wanted = {_TYPES[type] for type in request.types}
        try:
            entries = await node_files.list_files(self._node, root, depth)
        except node_files.FileError as error:
            yield message("machine.FileInfo")(name=root, relative_name=root, error=str(error))
            return
        for entry in entries:
            if not wanted or entry.kind in wanted:
                yield message("machine.FileInfo")(
                    name=entry.path,
                    relative_name=entry.relative,
                    size=entry.size,
                    mode=entry.mode,
                    modified=entry.modified,
                    is_dir=entry.kind == "d",
                    link=entry.link,
                    uid=entry.uid,
                    gid=entry.gid,
                )

    async def _usage(self, call: Call) -> AsyncIterator[Any]:
        for path in call.request.paths or ["/"]:
            root = "/" + path.strip("/")
            try:
                entries = await node_files.list_files(self._node, root, -1)
            except node_files.FileError as error:
                yield message("machine.DiskUsageInfo")(name=root, relative_name=root, error=str(error))
                continue
            for info in _usage(entries, root, call.request):
                yield info

    async def _mounts(self, call: Call) -> Any:
        reply = message("machine.MountsResponse")()
        element = reply.messages.add()
        _status, mounts, _errors = await self._node.runtime.run(["cat", "/proc/mounts"])
        lines = [line.split() for line in mounts.decode(errors="replace").splitlines()]
        rows = [row for row in lines if len(row) > 1 and _of_node(_unescape(row[1]))]
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


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")


def _chunks(content: bytes) -> list[Any]:
    starts = range(0, len(content), CHUNK_BYTES)
    return [message("common.Data")(bytes=content[start : start + CHUNK_BYTES]) for start in starts]


def _usage(entries: list[node_files.Entry], root: str, request: Any) -> list[Any]:
    """Return the sizes of directories (and of files, when all are wanted), as deep as the request says."""
    sizes: dict[str, int] = {}
    top = PurePosixPath(root)
    for entry in entries:
        path = PurePosixPath(entry.path)
        for above in (path, *path.parents):
            if above == top or top in above.parents:
                sizes[str(above)] = sizes.get(str(above), 0) + entry.size
    found = []
    for entry in entries:
        depth = len(PurePosixPath(entry.path).parts) - len(top.parts)
        too_deep = 0 < request.recursion_depth <= depth
        too_small = request.threshold > 0 and sizes[entry.path] < request.threshold
        too_big = request.threshold < 0 and sizes[entry.path] > -request.threshold
        if too_deep or too_small or too_big or (entry.kind != "d" and not request.all):
            continue
        found.append(
            message("machine.DiskUsageInfo")(name=entry.path, relative_name=entry.relative, size=sizes[entry.path])
        )
    return found


def handlers(node: Node) -> Handlers:
    """Return the handlers."""
    return FileCalls(node).handlers()
