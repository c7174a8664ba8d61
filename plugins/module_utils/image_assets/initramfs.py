# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is inside an initramfs of Talos: the architecture of its programs, and its system extensions.

Sources: siderolabs/talos:pkg/imager/extensions (archives one after the other; ``extensions.yaml`` lists the layers),
pkg/machinery/extensions/config.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.cpio import KEPT_BYTES, Member, members
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.elf import elf_architecture
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import (
    CPIO,
    Decompressed,
    Pushback,
    Reader,
    compression,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

INIT = "init"
EXTENSIONS = "extensions.yaml"
# depmod's result for extensions with kernel modules; the imager adds it by itself.
MODULE_DEPENDENCIES = "modules.dep"


@dataclass(frozen=True)
class Extension:
    """A system extension inside an image: its name and version."""

    name: str
    version: str


@dataclass(frozen=True)
class InitramfsContent:
    """What an initramfs holds.

    :param architecture: of ``/init``, empty when there is none.
    :param compressions: of its archives, in order; ``none`` for a bare one.
    :param extensions: in the order of ``extensions.yaml``, without what the imager adds by itself.
    :param problems: layers that are listed and not there, and the reverse.
    """

    architecture: str
    compressions: tuple[str, ...]
    extensions: tuple[Extension, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass
class _Seen:
    architecture: str = ""
    compressions: list[str] = field(default_factory=list)
    listing: bytes | None = None
    layers: list[str] = field(default_factory=list)


def read_initramfs(source: Reader, what: str = "initramfs") -> InitramfsContent:
    """Read an initramfs to its end.

    :param what: its name, for the error.
    :raises UnreadableAsset: it is damaged, cut off, or no initramfs.
    """
    seen = _Seen()
    for member in _all_members(Pushback(source), seen, what):
        if member.name == INIT:
            seen.architecture = elf_architecture(member.beginning)
        elif member.name == EXTENSIONS:
            if member.size > KEPT_BYTES:
                raise UnreadableAsset(f"{what}: {EXTENSIONS} of {member.size} bytes")
            seen.listing = member.beginning
        elif member.name.endswith(".sqsh"):
            seen.layers.append(member.name)
    if not seen.compressions:
        raise UnreadableAsset(f"{what}: empty")
    layers = _layers(seen.listing, what)
    listed = {image for image, _extension in layers}
    found = {name for name in seen.layers if "/" not in name and name != "rootfs.sqsh"}
    problems = [f"{EXTENSIONS} lists {name}, which is not in the initramfs" for name in sorted(listed - found)]
    problems += [f"{name} is in the initramfs and not in {EXTENSIONS}" for name in sorted(found - listed)]
    extensions = [extension for _image, extension in layers if extension.name != MODULE_DEPENDENCIES]
    return InitramfsContent(seen.architecture, tuple(seen.compressions), tuple(extensions), tuple(problems))


def _all_members(source: Pushback, seen: _Seen, what: str) -> Iterator[Member]:
    """Yield the files of all archives; the kernel allows zeros between them."""
    while magic := _next_magic(source):
        if magic == CPIO:
            seen.compressions.append("none")
            yield from members(source, what)
            continue
        seen.compressions.append(compression(magic))
        content = Decompressed(source, what)
        inner = Pushback(content)
        while _next_magic(inner):
            yield from members(inner, what)
        content.drain()


def _next_magic(source: Pushback) -> bytes:
    """Return the first bytes after any zeros, nothing at the end."""
    while block := source.read(4096):
        rest = block.lstrip(b"\0")
        if rest:
            source.give_back(rest)
            return source.peek(len(CPIO))
    return b""


def _layers(listing: bytes | None, what: str) -> list[tuple[str, Extension]]:
    if listing is None:
        return []
    try:
        documents = yaml_text.load_all(listing.decode("utf-8", "replace"), f"{what}: {EXTENSIONS}")
        layers: Any = documents[0]["layers"] or []
        return [
            (str(layer["image"]), Extension(str(layer["metadata"]["name"]), str(layer["metadata"]["version"])))
            for layer in layers
        ]
    except (yaml_text.YamlError, KeyError, TypeError, IndexError):
        raise UnreadableAsset(f"{what}: {EXTENSIONS} has no readable list of layers") from None
