# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partitions of a disk image.

Source: UEFI specification, chapter 5 (GUID partition table).
"""

from __future__ import annotations

import io
import struct
import uuid
from dataclasses import dataclass
from typing import BinaryIO

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset

EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
SECTOR_SIZES = (512, 4096)
_SIGNATURE = b"EFI PART"
_MOST_ENTRIES = 512
# Bytes of one entry: 128 times a power of two.
_SMALLEST_ENTRY, _LARGEST_ENTRY = 128, 4096


@dataclass(frozen=True)
class Partition:
    """One partition: type, label, offset and size in bytes."""

    kind: uuid.UUID
    label: str
    offset: int
    size: int


def partitions(disk: BinaryIO, what: str) -> list[Partition]:
    """Return the partitions of a disk.

    :raises UnreadableAsset: it has no GUID partition table, or one that leads beyond the end of the disk.
    """
    end = disk.seek(0, io.SEEK_END)
    for sector in SECTOR_SIZES:
        disk.seek(sector)
        header = disk.read(92)
        if header.startswith(_SIGNATURE) and len(header) == 92:
            first, number, size = struct.unpack_from("<QII", header, 72)
            if not _SMALLEST_ENTRY <= size <= _LARGEST_ENTRY or first * sector >= end:
                raise UnreadableAsset(f"{what}: its GUID partition table is damaged")
            disk.seek(first * sector)
            table = disk.read(min(number, _MOST_ENTRIES) * size)
            found = [entry for entry in _entries(table, size, sector) if entry.kind.int]
            if any(entry.offset >= end for entry in found):
                raise UnreadableAsset(f"{what}: a partition begins behind the end of the disk")
            return found
    raise UnreadableAsset(f"{what}: no GUID partition table")


def _entries(table: bytes, size: int, sector: int) -> list[Partition]:
    found = []
    for position in range(0, len(table) - size + 1, size):
        kind = uuid.UUID(bytes_le=table[position : position + 16])
        first, last = struct.unpack_from("<QQ", table, position + 32)
        label = table[position + 56 : position + 128].decode("utf-16-le", "replace").rstrip("\0")
        found.append(Partition(kind, label, first * sector, (last - first + 1) * sector))
    return found
