# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on a FAT file system (12, 16 and 32 bits), only to be read.

Source: Microsoft's FAT specification (fatgen103); long names as in its section on long directory entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset

_LONG_NAME = 0x0F
_DIRECTORY = 0x10
_VOLUME = 0x08
_ENTRY_BYTES = 32
_LONGEST_CHAIN = 1 << 22
# A directory has at most 65536 entries; a table of this size serves a partition of 64 GiB.
_LARGEST_DIRECTORY = 65536 * _ENTRY_BYTES
_LARGEST_TABLE = 1 << 26


@dataclass(frozen=True)
class Entry:
    """A file or directory: name, first cluster, size in bytes."""

    name: str
    directory: bool
    cluster: int
    size: int


class FatFile:
    """A file, read from the begin to the end or from any offset."""

    def __init__(self, file_system: FatFileSystem, entry: Entry) -> None:
        self._blocks = file_system.blocks(entry.cluster)
        self._left = entry.size
        self._ready = b""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, nothing at the end."""
        if not self._ready and self._left:
            self._ready = next(self._blocks, b"")[: self._left]
            self._left -= len(self._ready)
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def skip(self, size: int) -> None:
        """Read past *size* bytes."""
        while size and (part := self.read(size)):
            size -= len(part)


class FatFileSystem:
    """A file system that begins at an offset of a disk.

    :raises UnreadableAsset: there is none.
    """

    def __init__(self, disk: BinaryIO, offset: int, what: str) -> None:
        disk.seek(offset)
        boot = disk.read(512)
        if len(boot) < 512 or boot[510:] != b"\x55\xaa":
            raise UnreadableAsset(f"{what}: no FAT file system")
        sector, self._per_cluster, reserved, tables, roots, small, _media, short = struct.unpack_from(
            "<HBHBHHBH", boot, 11
        )
        if sector not in (512, 1024, 2048, 4096) or not self._per_cluster or not tables:
            raise UnreadableAsset(f"{what}: no FAT file system")
        total = small or struct.unpack_from("<I", boot, 32)[0]
        length = short or struct.unpack_from("<I", boot, 36)[0]
        root = reserved + tables * length
        self._disk, self._offset, self._sector, self._what = disk, offset, sector, what
        self._data = root + (roots * _ENTRY_BYTES + sector - 1) // sector
        clusters = (total - self._data) // self._per_cluster
        self._bits = 12 if clusters < 4085 else 16 if clusters < 65525 else 32
        if length * sector > _LARGEST_TABLE:
            raise UnreadableAsset(f"{what}: a file allocation table of {length * sector} bytes")
        self._table = self._read(reserved * sector, length * sector)
        self._root = (root * sector, roots * _ENTRY_BYTES) if roots else None
        self._root_cluster = 0 if roots else struct.unpack_from("<I", boot, 44)[0]

    def find(self, path: str) -> Entry | None:
        """Return the entry of a path such as ``EFI/BOOT/BOOTAA64.EFI`` (case does not matter), None when absent."""
        entry: Entry | None = None
        for name in path.split("/"):
            entry = next((each for each in self.list(entry) if each.name.upper() == name.upper()), None)
            if entry is None:
                return None
        return entry

    def list(self, directory: Entry | None = None) -> list[Entry]:
        """Return the entries of a directory, those of the root for None.

        :raises UnreadableAsset: it has more entries than a directory can have, as one whose clusters form a loop.
        """
        if directory is not None:
            return list(_entries(self._directory(directory.cluster)))
        if self._root is not None:
            return list(_entries(self._read(*self._root)))
        return list(_entries(self._directory(self._root_cluster)))

    def _directory(self, cluster: int) -> bytes:
        content = bytearray()
        for block in self.blocks(cluster):
            content += block
            if len(content) > _LARGEST_DIRECTORY:
                raise UnreadableAsset(f"{self._what}: a directory that does not end")
        return bytes(content)

    def open(self, entry: Entry) -> FatFile:
        """Return a reader of a file."""
        return FatFile(self, entry)

    def blocks(self, cluster: int) -> Iterator[bytes]:
        """Yield the clusters of a chain."""
        size = self._per_cluster * self._sector
        for _step in range(_LONGEST_CHAIN):
            if not 2 <= cluster < (1 << self._bits) - 9:
                return
            yield self._read((self._data + (cluster - 2) * self._per_cluster) * self._sector, size)
            cluster = self._next(cluster)

    def _next(self, cluster: int) -> int:
        try:
            if self._bits == 12:
                pair = int(struct.unpack_from("<H", self._table, cluster + cluster // 2)[0])
                return pair >> 4 if cluster % 2 else pair & 0xFFF
            if self._bits == 16:
                return int(struct.unpack_from("<H", self._table, cluster * 2)[0])
            return int(struct.unpack_from("<I", self._table, cluster * 4)[0]) & 0x0FFFFFFF
        except struct.error:
            raise UnreadableAsset(f"{self._what}: the file allocation table is damaged") from None

    def _read(self, start: int, size: int) -> bytes:
        self._disk.seek(self._offset + start)
        return self._disk.read(size)


def _entries(data: bytes) -> Iterator[Entry]:
    long_name = ""
    for position in range(0, len(data) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        raw = data[position : position + _ENTRY_BYTES]
        if raw[0] == 0:
            return
        if raw[0] == 0xE5:
            long_name = ""
        elif raw[11] == _LONG_NAME:
            part = (raw[1:11] + raw[14:26] + raw[28:32]).decode("utf-16-le", "replace")
            long_name = part.partition("\0")[0] + long_name
        elif raw[11] & _VOLUME:
            long_name = ""
        else:
            stem, suffix = raw[:8].decode("latin-1").rstrip(), raw[8:11].decode("latin-1").rstrip()
            name = long_name or (f"{stem}.{suffix}" if suffix else stem)
            high, low = struct.unpack_from("<H", raw, 20)[0], struct.unpack_from("<H", raw, 26)[0]
            yield Entry(name, bool(raw[11] & _DIRECTORY), high << 16 | low, struct.unpack_from("<I", raw, 28)[0])
            long_name = ""
