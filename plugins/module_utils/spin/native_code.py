# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding machine code: what makes an artifact fit one processor only.

A Spin application has no variants per architecture, so nothing in it may be native: no program or library of Linux,
macOS or Windows, plain or in an archive, and no code that an engine compiled ahead of time (which is ELF).

Source: System V ABI (ELF header), Apple Mach-O file format, Microsoft PE format
"""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.elf import elf_architecture
from ansible_collections.homelab.talos.plugins.module_utils.spin.wasm import MAGIC, WasmInvalid, sections

_MACH_O = {b"\xfe\xed\xfa\xce", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xcf\xfa\xed\xfe"}
_MACH_O_FAT = b"\xca\xfe\xba\xbe"
# A class of Java begins like a fat Mach-O file; its version is where the number of architectures would be.
_MOST_ARCHITECTURES = 30
_DEEPEST = 3
_LARGEST_MEMBER = 64 << 20


def native_code(data: bytes, depth: int = 0) -> str:
    """Return what machine code a file is or holds, such as ``ELF for amd64``; empty when it has none.

    :param depth: of archives around it.
    """
    plain = _plain(data)
    if plain or depth >= _DEEPEST:
        return plain
    for name, member in _members(data):
        found = native_code(member, depth + 1)
        if found:
            return f"{found} in {name}" if name else found
    return ""


def _plain(data: bytes) -> str:
    if data.startswith(b"\x7fELF"):
        return f"ELF for {elf_architecture(data) or 'an unknown machine'}"
    if data[:4] in _MACH_O:
        return "Mach-O"
    if data.startswith(_MACH_O_FAT) and len(data) >= 8:
        return "Mach-O" if struct.unpack_from(">I", data, 4)[0] <= _MOST_ARCHITECTURES else ""
    if data.startswith(b"MZ") and len(data) >= 0x40:
        (place,) = struct.unpack_from("<I", data, 0x3C)
        return "PE" if data[place : place + 4] == b"PE\0\0" else ""
    return "a library of object files" if data.startswith(b"!<arch>\n") else ""


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what an archive, or a section of WebAssembly that engines pass over, holds; broken ones hold nothing."""
    if data.startswith(MAGIC):
        yield from _custom_sections(data)
    elif data.startswith(b"\x1f\x8b"):
        yield "", _unpacked(data)
    elif data[257:262] == b"ustar":
        yield from _tar_members(data)
    elif data.startswith(b"PK\x03\x04"):
        yield from _zip_members(data)


def _custom_sections(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        for kind, body in sections(data):
            place = body.find(b"\x7fELF") if kind == 0 else -1
            # Behind its name, which is short, a section of code compiled ahead begins with an ELF header.
            if 0 <= place <= 64:
                yield "a custom section", body[place:]
    except WasmInvalid:
        return


def _unpacked(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return stream.read(_LARGEST_MEMBER)
    except (OSError, EOFError, zlib.error):
        return b""


def _tar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    yield member.name, stream.read(_LARGEST_MEMBER)
    except (tarfile.TarError, OSError, EOFError):
        return


def _zip_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as stream:
                    yield entry.filename, stream.read(_LARGEST_MEMBER)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error):
        return
