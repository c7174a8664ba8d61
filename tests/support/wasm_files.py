# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small WebAssembly files, written byte by byte: components and core modules with the names that a test wants.

Source: WebAssembly/component-model:design/mvp/Binary.md, WebAssembly/spec: binary format of modules
"""

from __future__ import annotations

from collections.abc import Sequence

HTTP_HANDLER = "wasi:http/incoming-handler@0.2.0"
NEXT_HANDLER = "wasi:http/handler@0.3.0"


def component(
    exports: Sequence[str] = (HTTP_HANDLER,), imports: Sequence[str] = ("wasi:http/types@0.2.0",), filling: bytes = b""
) -> bytes:
    """Return a component that exports and imports instances of these names.

    :param filling: content of a section that engines pass over, to make files differ.
    """
    imported = b"".join(b"\x00" + _name(name) + b"\x05\x00" for name in imports)
    exported = b"".join(b"\x00" + _name(name) + b"\x05\x00\x00" for name in exports)
    body = _section(10, _number(len(imports)) + imported) if imports else b""
    body += _section(11, _number(len(exports)) + exported) if exports else b""
    return b"\0asm\x0d\x00\x01\x00" + custom("filling", filling) + body


def core_module(exports: Sequence[str] = ("_start",)) -> bytes:
    """Return a core module that exports functions of these names and imports a function, a memory and a global."""
    wasi = _name("wasi_snapshot_preview1")
    imports = [wasi + _name("fd_write") + b"\x00\x00", wasi + _name("memory") + b"\x02\x01\x01\x02"]
    imports.append(wasi + _name("level") + b"\x03\x7f\x00")
    exported = b"".join(_name(name) + b"\x00\x00" for name in exports)
    return (
        b"\0asm\x01\x00\x00\x00"
        + _section(2, _number(len(imports)) + b"".join(imports))
        + _section(7, _number(len(exports)) + exported)
    )


def custom(name: str, content: bytes) -> bytes:
    """Return a section that engines pass over."""
    return _section(0, _name(name) + content)


def _section(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _number(len(body)) + body


def _name(text: str) -> bytes:
    return _number(len(text.encode())) + text.encode()


def _number(value: int) -> bytes:
    out = bytearray()
    while True:
        part = value & 0x7F
        value >>= 7
        if not value:
            return bytes([*out, part])
        out.append(part | 0x80)
