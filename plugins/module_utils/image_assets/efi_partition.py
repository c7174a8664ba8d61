# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files from which UEFI boots Talos: boot loader and unified kernel images on a FAT file system.

Source: siderolabs/talos:pkg/imager/iso/uefi.go, internal/app/machined/pkg/runtime/v1alpha1/bootloader/sdboot.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import boot_files
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.fat import FatFileSystem

# Source: UEFI specification 3.5.1.1 (removable media boot behaviour)
BOOT_FILES: Mapping[str, str] = {"arm64": "EFI/BOOT/BOOTAA64.EFI", "amd64": "EFI/BOOT/BOOTX64.EFI"}
UKI_DIRECTORY = "EFI/Linux"
# Talos keeps two: the one that runs and the one before.
_MOST_UKIS = 16


def efi_files(file_system: FatFileSystem, name: str) -> tuple[AssetFacts, ...]:
    """Return what is seen of every boot loader and unified kernel image.

    :raises UnreadableAsset: the file system is damaged, or holds more images than any Talos leaves.
    """
    found = []
    for path in BOOT_FILES.values():
        entry = file_system.find(path)
        if entry is not None:
            found.append(boot_files.boot_loader(file_system.open(entry), f"{name}: {path}"))
    directory = file_system.find(UKI_DIRECTORY)
    if directory is not None:
        images = [entry for entry in file_system.list(directory) if entry.name.lower().endswith(".efi")]
        if len(images) > _MOST_UKIS:
            raise UnreadableAsset(f"{name}: {len(images)} unified kernel images in {UKI_DIRECTORY}")
        for entry in images:
            path = f"{name}: {UKI_DIRECTORY}/{entry.name}"
            found.append(boot_files.uki(file_system.open(entry), path))
    return tuple(found)


def outer_facts(name: str, kind: str, form: str, inner: tuple[AssetFacts, ...]) -> AssetFacts:
    """Return what is seen of a bootable medium: it is for the architecture of its boot loader."""
    loaders = [part for part in inner if part.kind == "boot loader"]
    architectures = sorted({part.architecture for part in loaders if part.architecture})
    problems = () if loaders else (f"no boot loader ({' or '.join(BOOT_FILES.values())})",)
    extensions = next((part.extensions for part in inner if part.extensions is not None), None)
    return AssetFacts(name, kind, " and ".join(architectures), form, extensions, inner, problems)
