# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed bytes read as a stream, by what they begin with, whatever the file is called.

A Talos initramfs may be called .xz and be compressed with zstd, and it is several archives one after the other, each
compressed on its own. Source: siderolabs/talos:pkg/imager/extensions/rebuild.go, Linux Documentation/driver-api/
early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require

ZSTANDARD_IMPORT_ERROR: ImportError | None = None
try:
    import zstandard
except ImportError as _error:
    ZSTANDARD_IMPORT_ERROR = _error

BLOCK_BYTES = 1 << 20
# Compressed bytes taken at a time: a block of zeros becomes a thousand (gzip) or thirty thousand (zstd) times as long.
FEED_BYTES = {"xz": 1 << 16, "gzip": 1 << 16, "zstd": 1 << 11}
XZ = b"\xfd7zXZ\x00"
ZSTD = b"\x28\xb5\x2f\xfd"
GZIP = b"\x1f\x8b"
CPIO = b"070701"
LONGEST_MAGIC = len(XZ)
# Unpacked bytes of one stream; the archives of an initramfs have some hundred megabytes.
LARGEST_STREAM = 8 << 30
# What xz may take for its dictionary: xz -9 needs 65 MiB, a damaged header may ask for 4 GiB.
_XZ_MEMORY = 96 << 20


class Reader(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, nothing at the end."""


class Pushback:
    """A reader that takes bytes back."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self._kept = b""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, nothing at the end."""
        if self._kept:
            taken, self._kept = self._kept[:size], self._kept[size:]
            return taken
        return self._source.read(size)

    def exactly(self, size: int) -> bytes:
        """Return *size* bytes, fewer only at the end."""
        parts = []
        while size and (part := self.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def give_back(self, data: bytes) -> None:
        """Return *data* before everything else at the next read."""
        self._kept = data + self._kept

    def peek(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end, without taking them."""
        data = self.exactly(size)
        self.give_back(data)
        return data


class Decompressed:
    """The content of one compressed stream; what follows it is given back to the source.

    :param what: its name, for the error.
    :param largest: bytes after which it is taken for one that is made to fill a disk; :data:`LARGEST_STREAM` for 0.
    """

    def __init__(self, source: Pushback, what: str, largest: int = 0) -> None:
        magic = source.peek(LONGEST_MAGIC)
        self._source = source
        self._form = compression(magic)
        if not self._form:
            raise UnreadableAsset(f"{what}: neither xz, zstd nor gzip: it begins with {magic.hex()}")
        self._decompressor = _FORMATS[self._form][1]()
        self._what = what
        self._ready = b""
        self._left = self._largest = largest or LARGEST_STREAM

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, nothing at the end.

        :raises UnreadableAsset: the data is damaged or cut off, or unpacks to more than is allowed.
        """
        while not self._ready and not self._decompressor.eof:
            block = self._source.read(FEED_BYTES[self._form]) if self._hungry() else b""
            if self._hungry() and not block:
                raise UnreadableAsset(f"{self._what}: the compressed data is cut off")
            self._ready = self._step(block)
            self._left -= len(self._ready)
            if self._left < 0:
                raise UnreadableAsset(f"{self._what}: unpacks to more than {self._largest} bytes")
            if self._decompressor.eof:
                self._source.give_back(self._decompressor.unused_data)
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def _hungry(self) -> bool:
        return bool(getattr(self._decompressor, "needs_input", True))

    def _step(self, block: bytes) -> bytes:
        limit = (BLOCK_BYTES,) if self._form == "xz" else ()
        try:
            return bytes(self._decompressor.decompress(block, *limit))
        except Exception as error:  # lzma, zlib and zstandard have nothing in common
            raise UnreadableAsset(f"{self._what}: the compressed data is damaged ({error})") from None

    def drain(self) -> None:
        """Read to the end of the stream, so that the source stands behind it."""
        while self.read(BLOCK_BYTES):
            pass


def compression(magic: bytes) -> str:
    """Return ``xz``, ``zstd``, ``gzip`` or nothing for the first bytes of a file."""
    return next((name for name, (start, _make) in _FORMATS.items() if magic.startswith(start)), "")


def _zstd() -> Any:
    require("zstandard", ZSTANDARD_IMPORT_ERROR)
    return zstandard.ZstdDecompressor().decompressobj()


_FORMATS: dict[str, tuple[bytes, Callable[[], Any]]] = {
    "xz": (XZ, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
    "zstd": (ZSTD, _zstd),
    "gzip": (GZIP, lambda: zlib.decompressobj(wbits=31)),
}
