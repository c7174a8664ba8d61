# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a PE image, as a unified kernel image has them.

Source: Microsoft's PE format; siderolabs/talos:internal/pkg/uki (sections .linux, .initrd, .cmdline, .osrel).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset

HEADER_BYTES = 64 * 1024
_SECTION_BYTES = 40


@dataclass(frozen=True)
class Section:
    """A part of a file: its offset and size in bytes."""

    offset: int
    size: int


def sections(header: bytes, what: str) -> dict[str, Section]:
    """Return the sections of a PE image.

    :param header: the first :data:`HEADER_BYTES`, or the whole file.
    :raises UnreadableAsset: it is no PE image.
    """
    try:
        start = struct.unpack_from("<I", header, 0x3C)[0]
        if header[:2] != b"MZ" or header[start : start + 4] != b"PE\0\0":
            raise UnreadableAsset(f"{what}: no PE image")
        number, optional = (
            struct.unpack_from("<H", header, start + 6)[0],
            struct.unpack_from("<H", header, start + 20)[0],
        )
        table = start + 24 + optional
        found = {}
        for position in range(table, table + number * _SECTION_BYTES, _SECTION_BYTES):
            name = header[position : position + 8].rstrip(b"\0").decode("latin-1")
            virtual, _address, raw, offset = struct.unpack_from("<IIII", header, position + 8)
            found[name] = Section(offset, min(virtual, raw) if virtual else raw)
        return found
    except struct.error:
        raise UnreadableAsset(f"{what}: its PE header is cut off") from None
