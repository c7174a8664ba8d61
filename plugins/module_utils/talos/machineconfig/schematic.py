# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schematics of Talos' Image Factory: what an image holds, as canonical text, and its id.

The id is the SHA-256 of the text, so it is known without asking the factory.
Source: siderolabs/image-factory:pkg/schematic/schematic.go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FACTORY = "factory.talos.dev"
# What the factory's writer (Go's yaml.v3) puts into double quotes: text that would be read as another type.
_TYPED = re.compile(
    r"|~|null|true|false|y|n|yes|no|on|off"
    r"|[-+]?(0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?|\.[0-9_]+(e[-+]?[0-9]+)?|\.inf)"
    r"|\.nan|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?",
    re.IGNORECASE,
)
# And into single quotes: text that begins or goes on like something else than text.
_INDICATED = re.compile(r"^[#,\[\]{}&*!|>'\"%@`]|^[-?:](\s|$)|^\s|\s$|:(\s|$)|\s#")


@dataclass(frozen=True)
class Schematic:
    """What an image of the factory holds.

    :param extensions: official extensions by name; ``siderolabs/`` is put in front. Their order is part of the id.
    :param kernel_args: further arguments of the kernel.
    :param overlay: name of a board's overlay, ``overlay_image`` its repository, such as ``siderolabs/sbc-raspberrypi``.
    :param meta: key -> value of the META partition.
    """

    extensions: Sequence[str] = ()
    kernel_args: Sequence[str] = ()
    overlay: str = ""
    overlay_image: str = ""
    meta: Mapping[int, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The canonical text: fixed order of keys, four spaces, nothing empty but the customization itself."""
        lines = []
        if self.overlay:
            lines += ["overlay:", f"    image: {self.overlay_image}", f"    name: {self.overlay}"]
        inner = []
        if self.kernel_args:
            inner += ["    extraKernelArgs:", *(f"        - {_scalar(word)}" for word in self.kernel_args)]
        if self.meta:
            inner.append("    meta:")
            for key, value in self.meta.items():
                inner += [f"        - key: {key}", f"          value: {_scalar(value)}"]
        if self.extensions:
            inner += ["    systemExtensions:", "        officialExtensions:"]
            inner += [f"            - siderolabs/{name}" for name in self.extensions]
        lines += ["customization:", *inner] if inner else ["customization: {}"]
        return "\n".join(lines) + "\n"

    @property
    def id(self) -> str:
        """The id: lower-case hexadecimal SHA-256 of the text."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def installer(self, version: str, platform: str = "metal") -> str:
        """Return the reference of the installer for a Talos version."""
        return factory_installer(self.id, version, platform)

    def url(self, version: str, file: str) -> str:
        """Return where the factory serves a file, such as ``metal-arm64.raw.xz``."""
        return f"https://{FACTORY}/image/{self.id}/{version}/{file}"


def factory_installer(schematic: str, version: str, platform: str = "metal") -> str:
    """Return the reference of the factory's installer with the extensions of a schematic, by its id."""
    return f"{FACTORY}/{platform}-installer/{schematic}:{version}"


def _scalar(value: str) -> str:
    if _TYPED.fullmatch(value):
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'" if _INDICATED.search(value) else value
