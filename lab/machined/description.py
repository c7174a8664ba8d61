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
class NodeImage:
    """The built image that a node stands for: version and extensions come from it, nothing of it is executed.

    :param key: its name among the built images, such as ``arm64/compute``.
    :param architecture: what it was built for.
    :param content: hash of its content.
    :param built: when, in UTC.
    """

    key: str
    architecture: str
    content: str
    built: str


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
    image: NodeImage | None = None

    @property
    def image_note(self) -> str:
        """What image the node stands for, and that it is not executed; empty without one."""
        if self.image is None:
            return ""
        return f"image {self.image.architecture}, node {self.arch} (not executed)"

    @classmethod
    def from_mapping(cls, node: Mapping[str, Any], talos_version: str, subnet: str = "") -> NodeDescription:
        """Read one entry of a lab description's ``nodes``.

        ``extensions`` holds names, or mappings of name and version; ``disks`` holds mappings with
        the fields of :class:`Disk` (``size`` in bytes); ``image`` those of :class:`NodeImage`.
        Raises :class:`DescriptionError`.
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
        image = _image(name, node.get("image"))
        return cls(name, str(node["address"]), talos_version, extensions, disks, subnet=subnet, image=image)


def _image(node: str, entry: Any) -> NodeImage | None:
    if entry is None:
        return None
    try:
        return NodeImage(**{str(key): str(value) for key, value in entry.items()})
    except (AttributeError, TypeError):
        fields = "key, architecture, content and built"
        raise DescriptionError(f"{node}: the image is not described correctly: use {fields}") from None


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
