# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of Talos' imager, written in the style of CozyStack's own.

A profile is what decides an image: architecture, kernel and initramfs, base installer, extensions, output. CozyStack
keeps one per kind and its Makefile feeds them to the imager. The text depends on the data alone, so that writing it
again changes nothing.
Sources: cozystack/cozystack:packages/core/talos/hack/gen-profiles.sh, siderolabs/talos:pkg/imager/profile/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import ImageReference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS

# Smallest raw disk of Talos, in bytes; the imager itself adds what newer versions need.
DISK_BYTES = 1306525696
HEADER = "# written by homelab.talos in the style of hack/gen-profiles.sh\n# changes here are overwritten\n"
BASE_INSTALLER = "ghcr.io/siderolabs/installer"
IMAGER = "ghcr.io/siderolabs/imager"
# Kinds with a kernel command line; the imager refuses further arguments for the others.
WITH_COMMAND_LINE = frozenset({"iso", "installer", "metal", "nocloud"})
# Kinds that hold the boot loader of a board.
WITH_OVERLAY = frozenset({"installer", "metal"})
# Kinds that do not hold the extensions.
WITHOUT_EXTENSIONS = frozenset({"kernel"})


@dataclass(frozen=True)
class Overlay:
    """The overlay of a single-board computer."""

    name: str
    image: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageDefinition:
    """Everything that decides the content of an image.

    :param architecture: ``arm64`` or ``amd64``.
    :param talos_version: such as ``v1.13.6``.
    :param extensions: pinned references, in the order of the profile.
    :param kernel_args: further arguments of the kernel's command line.
    :param overlay: overlay of a board, ``None`` for UEFI machines.
    """

    architecture: str
    talos_version: str
    extensions: tuple[ImageReference, ...]
    kernel_args: tuple[str, ...] = ()
    overlay: Overlay | None = None

    @property
    def base_installer(self) -> str:
        """The installer that the image is made from; CozyStack pins it by tag."""
        return f"{BASE_INSTALLER}:{self.talos_version}"

    @property
    def imager(self) -> str:
        """The image of the program that makes the image."""
        return f"{IMAGER}:{self.talos_version}"


def render_profile(kind: str, definition: ImageDefinition) -> str:
    """Return the text of the profile of a kind (a key of :data:`KINDS`).

    ``version:`` stays unquoted in the first column: the Makefile reads it with awk.
    """
    output, arch = KINDS[kind], definition.architecture
    lines = [
        f"arch: {arch}",
        f"platform: {output.platform}",
        "secureboot: false",
        f"version: {definition.talos_version}",
        *_customization(kind, definition),
        "input:",
        "  kernel:",
        f"    path: /usr/install/{arch}/vmlinuz",
        "  initramfs:",
        f"    path: /usr/install/{arch}/initramfs.xz",
        "  baseInstaller:",
        f'    imageRef: "{definition.base_installer}"',
    ]
    if definition.extensions:
        lines.append("  systemExtensions:")
        lines += [f"    - imageRef: {reference.text}" for reference in definition.extensions]
    lines += _overlay(kind, definition)
    lines += ["output:", f"  kind: {output.kind}", f"  imageOptions: {_image_options(kind, definition)}"]
    lines.append(f"  outFormat: {output.out_format}")
    return HEADER + "\n".join(lines) + "\n"


def _customization(kind: str, definition: ImageDefinition) -> list[str]:
    if not definition.kernel_args or kind not in WITH_COMMAND_LINE:
        return []
    arguments = [f"    - {json.dumps(argument)}" for argument in definition.kernel_args]
    return ["customization:", "  extraKernelArgs:", *arguments]


def _overlay(kind: str, definition: ImageDefinition) -> list[str]:
    if definition.overlay is None or kind not in WITH_OVERLAY:
        return []
    lines = ["overlay:", f"  name: {definition.overlay.name}", "  image:"]
    lines.append(f"    imageRef: {definition.overlay.image}")
    if definition.overlay.options:
        lines.append(f"  options: {json.dumps(dict(definition.overlay.options), sort_keys=True)}")
    return lines


def _image_options(kind: str, definition: ImageDefinition) -> str:
    if KINDS[kind].kind != "image":
        return "{}"
    options = f"diskSize: {DISK_BYTES}, diskFormat: raw"
    # The boards' firmware starts GRUB. Source: siderolabs/sbc-raspberrypi:profiles/.
    with_overlay = definition.overlay is not None and kind in WITH_OVERLAY
    return f"{{ {options}, bootloader: grub }}" if with_overlay else f"{{ {options} }}"
