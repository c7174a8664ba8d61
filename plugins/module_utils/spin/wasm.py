# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a WebAssembly file says about itself: whether it is a component, what it imports and what it exports.

Only the headers of sections and the two lists of names are read; no code is. There is no maintained Python library for
this; the packages of engines load the whole file and need a compiler for it.

Source: WebAssembly/component-model:design/mvp/Binary.md, WebAssembly/spec: binary format of modules
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\0asm"
_CORE = b"\x01\x00\x00\x00"
# A component has layer 1 in the upper half; the lower half is the version of the format.
_COMPONENT = b"\x0d\x00\x01\x00"

_CUSTOM = 0
_CORE_IMPORT, _CORE_EXPORT = 2, 7
_COMPONENT_IMPORT, _COMPONENT_EXPORT = 10, 11


class WasmInvalid(ValueError):
    """The bytes are no WebAssembly, or not of a kind that is read here; the message is the cause."""


@dataclass(frozen=True)
class WasmFile:
    """What a file says.

    :ivar is_component: else it is a core module.
    :ivar imports: names of interfaces of a component; ``module.name`` of a core module.
    :ivar exports: likewise; of a core module names only.
    :ivar custom_sections: names of sections that engines pass over.
    """

    is_component: bool
    imports: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    custom_sections: tuple[str, ...] = ()


def inspect_wasm(data: bytes) -> WasmFile:
    """Return what a WebAssembly file says.

    :raises WasmInvalid: it is none, or is cut off.
    """
    if not data.startswith(MAGIC):
        raise WasmInvalid("is no WebAssembly file")
    version = data[4:8]
    if version not in (_CORE, _COMPONENT):
        raise WasmInvalid(f"is WebAssembly of a version that is not known here ({version.hex()})")
    is_component = version == _COMPONENT
    names = (_COMPONENT_IMPORT, _COMPONENT_EXPORT) if is_component else (_CORE_IMPORT, _CORE_EXPORT)
    imports: list[str] = []
    exports: list[str] = []
    customs: list[str] = []
    for kind, body in sections(data):
        cursor = _Cursor(body)
        if kind == _CUSTOM:
            customs.append(cursor.name())
        elif kind == names[0]:
            imports += cursor.component_imports() if is_component else cursor.core_imports()
        elif kind == names[1]:
            exports += cursor.component_exports() if is_component else cursor.core_exports()
    return WasmFile(is_component, tuple(imports), tuple(exports), tuple(customs))


def sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each section at the top.

    :raises WasmInvalid: one is cut off.
    """
    cursor = _Cursor(data, 8)
    while not cursor.at_end:
        kind = cursor.byte()
        yield kind, cursor.take(cursor.number())


class _Cursor:
    """A place in bytes that are read from front to back."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        part = self._data[self._position : self._position + count]
        if len(part) != count:
            raise WasmInvalid("is cut off")
        self._position += count
        return part

    def number(self) -> int:
        """Read an unsigned number in LEB128, of at most 64 bits."""
        value = 0
        for shift in range(0, 70, 7):
            part = self.byte()
            value |= (part & 0x7F) << shift
            if part < 0x80:
                return value
        raise WasmInvalid("holds a number that is too long")

    def name(self) -> str:
        return self.take(self.number()).decode("utf-8", "replace")

    def component_imports(self) -> list[str]:
        found = []
        for _index in range(self.number()):
            found.append(self._component_name())
            self._external_description()
        return found

    def component_exports(self) -> list[str]:
        found = []
        for _index in range(self.number()):
            found.append(self._component_name())
            if self.byte() == 0:
                self.byte()
            self.number()
            if self.byte() == 1:
                self._external_description()
        return found

    def core_imports(self) -> list[str]:
        found = []
        for _index in range(self.number()):
            found.append(f"{self.name()}.{self.name()}")
            self._core_description()
        return found

    def core_exports(self) -> list[str]:
        found = []
        for _index in range(self.number()):
            found.append(self.name())
            self.byte()
            self.number()
        return found

    def _component_name(self) -> str:
        form = self.byte()
        name = self.name()
        if form == 2:
            # The suffix of a version that was made canonical.
            name = f"{name}{self.name()}"
        elif form not in (0, 1):
            raise WasmInvalid(f"holds a name of a form that is not known here ({form})")
        return name

    def _external_description(self) -> None:
        kind = self.byte()
        if kind == 0:
            self.byte()
        elif kind in (2, 3):
            # A bound: of a value, or "equal to a type"; a fresh resource has no index.
            if self.byte() == 1 and kind == 3:
                return
        elif kind not in (1, 4, 5):
            raise WasmInvalid(f"imports or exports something of a kind that is not known here ({kind})")
        self.number()

    def _core_description(self) -> None:
        kind = self.byte()
        if kind == 0:
            self.number()
        elif kind == 1:
            self.byte()
            self._limits()
        elif kind == 2:
            self._limits()
        elif kind == 3:
            self.take(2)
        elif kind == 4:
            self.byte()
            self.number()
        else:
            raise WasmInvalid(f"imports something of a kind that is not known here ({kind})")

    def _limits(self) -> None:
        flags = self.byte()
        self.number()
        if flags & 1:
            self.number()
