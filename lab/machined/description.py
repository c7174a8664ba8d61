# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab node is made of before any configuration: version, address, extensions, disks."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.extensions import extension_version
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import UnknownVersion

GIB = 1024**3
# Shown for an extension whose version the table of the library does not know.
UNKNOWN_EXTENSION_VERSION = "lab"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class DescriptionError(Exception):
    """A lab description that cannot be played; one line naming node, cause and remedy."""


@dataclass(frozen=True)
class Disk:
    """A block device of the node; ``size`` in bytes."""

    name: str
    size: int = 20 * GIB
    model: str = "Homelab Virtual Disk"
    serial: str = ""
    transport: str = "virtio"
    rotational: bool = False
    readonly: bool = False

    @property
    def path(self) -> str:
        """The device path, such as ``/dev/vda``."""
        return f"/dev/{self.name}"


@dataclass(frozen=True)
class Extension:
    """A system extension baked into the node's image."""

    name: str
    version: str

    @property
    def image(self) -> str:
        """The image reference."""
        return f"ghcr.io/siderolabs/{self.name}:{self.version}"


@dataclass(frozen=True)
class NodeDescription:
    """A node as its lab describes it."""

    name: str
    address: str
    talos_version: str
    extensions: tuple[Extension, ...] = ()
    disks: tuple[Disk, ...] = (Disk("vda"),)
    arch: str = field(default_factory=lambda: ARCHITECTURES.get(platform.machine(), platform.machine()))
    subnet: str = ""

    @classmethod
    def from_mapping(cls, node: Mapping[str, Any], talos_version: str, subnet: str = "") -> NodeDescription:
        """Read one entry of a lab description's ``nodes``.

        ``extensions`` holds names, or mappings of name and version; ``disks`` holds mappings with
        the fields of :class:`Disk` (``size`` in bytes). Raises :class:`DescriptionError`.
        """
        name = str(node.get("name") or "")
        if not name:
            raise DescriptionError("a node of the lab description has no name: give every node a name")
        if not node.get("address"):
            raise DescriptionError(f"{name}: no address: give the node an address of the lab's subnet")
        try:
            disks = tuple(Disk(**disk) for disk in node.get("disks") or ({"name": "vda"},))
        except TypeError as error:
            raise DescriptionError(f"{name}: a disk is not described correctly ({error}): use name and size") from error
        extensions = tuple(_extension(name, each, talos_version) for each in node.get("extensions") or ())
        return cls(name, str(node["address"]), talos_version, extensions, disks, subnet=subnet)


def _extension(node: str, entry: Any, talos_version: str) -> Extension:
    if isinstance(entry, Mapping) and entry.get("name"):
        name, version = str(entry["name"]), str(entry.get("version") or "")
    elif isinstance(entry, str):
        name, version = entry, ""
    else:
        raise DescriptionError(f"{node}: extension {entry!r} is neither a name nor a mapping with a name")
    try:
        return Extension(name, version or extension_version(name, talos_version) or UNKNOWN_EXTENSION_VERSION)
    except UnknownVersion as error:
        raise DescriptionError(f"{node}: {error}") from None
