# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a cpio archive in the form of the kernel (newc), one after the other.

Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import BLOCK_BYTES, CPIO, Pushback

HEADER_BYTES = 110
TRAILER = "TRAILER!!!"
LONGEST_NAME = 4096
# Digits and nothing else: int() would take a sign, blanks and underscores.
_DIGITS = re.compile(rb"[0-9A-Fa-f]{110}")
# Bytes at the begin of a file that are kept; what is longer is read past.
KEPT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    :param name: path without leading slash or ``./``.
    :param size: in bytes.
    :param beginning: its first bytes, at most :data:`KEPT_BYTES`.
    """

    name: str
    mode: int
    size: int
    beginning: bytes


def members(source: Pushback, what: str) -> Iterator[Member]:
    """Yield the files of one archive; the source then stands behind its trailer.

    :param what: name of the archive, for the error.
    :raises UnreadableAsset: it is no such archive, or it is cut off.
    """
    while True:
        header = source.exactly(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(CPIO):
            raise UnreadableAsset(f"{what}: no cpio archive (newc), or cut off: header {header[:6]!r}")
        if not _DIGITS.fullmatch(header):
            raise UnreadableAsset(f"{what}: the header of a cpio archive is damaged")
        fields = [int(header[start : start + 8], 16) for start in range(6, HEADER_BYTES, 8)]
        mode, size, length = fields[1], fields[6], fields[11]
        if not 0 < length <= LONGEST_NAME:
            raise UnreadableAsset(f"{what}: a name of {length} bytes in a cpio archive")
        name = source.exactly(length + _padding(HEADER_BYTES + length))[: length - 1].decode("utf-8", "replace")
        if name == TRAILER:
            return
        beginning = source.exactly(min(size, KEPT_BYTES))
        _skip(source, size - len(beginning) + _padding(size), f"{what}: {name}")
        yield Member(name.removeprefix("./").lstrip("/"), mode, size, beginning)


def _skip(source: Pushback, size: int, what: str) -> None:
    while size:
        block = source.read(min(size, BLOCK_BYTES))
        if not block:
            raise UnreadableAsset(f"{what} is cut off")
        size -= len(block)


def _padding(position: int) -> int:
    return -position % 4
