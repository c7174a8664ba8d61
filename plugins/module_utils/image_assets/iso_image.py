# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ISO image of Talos: what UEFI boots from it, and the kernel and initramfs of releases that boot by GRUB.

Sources: El Torito specification 1.0; siderolabs/talos:pkg/imager/iso (uefi.go, grub.go).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import boot_files
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.efi_partition import efi_files, outer_facts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.fat import FatFileSystem
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import Reader
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require

PYCDLIB_IMPORT_ERROR: ImportError | None = None
try:
    import pycdlib
    from pycdlib.pycdlibexception import PyCdlibException
except ImportError as _error:
    PYCDLIB_IMPORT_ERROR = _error

SECTOR_BYTES = 2048
_EFI_PLATFORM = 0xEF
_GRUB_FILES: dict[str, Callable[[Reader, str], AssetFacts]] = {
    "BOOT/VMLINUZ": boot_files.kernel,
    "BOOT/INITRAMFS.XZ": boot_files.initramfs,
}


def iso_image(path: Path) -> AssetFacts:
    """Return what is seen of an ISO image.

    :raises OSError: it cannot be read.
    :raises MissingLibrary: pycdlib is not installed.
    """
    require("pycdlib", PYCDLIB_IMPORT_ERROR)
    iso = pycdlib.PyCdlib()
    try:
        with path.open("rb") as stream:
            iso.open_fp(stream)
            try:
                inner = _efi_image(iso, stream, path.name) + _grub_files(iso, path.name)
            finally:
                iso.close()
    except (PyCdlibException, UnreadableAsset) as error:
        return AssetFacts(path.name, "iso", problems=(f"{path.name}: no readable ISO image ({error})",))
    return outer_facts(path.name, "iso", "ISO 9660", inner)


def _efi_image(iso: Any, stream: Any, name: str) -> tuple[AssetFacts, ...]:
    catalogue = iso.eltorito_boot_catalog
    if catalogue is None:
        return ()
    entries = []
    if catalogue.validation_entry.platform_id == _EFI_PLATFORM:
        entries.append(catalogue.initial_entry)
    for section in catalogue.sections:
        if section.platform_id == _EFI_PLATFORM:
            entries += section.section_entries
    if not entries:  # xorriso marks a lone EFI image as one for the BIOS
        entries.append(catalogue.initial_entry)
    for entry in entries:
        try:
            file_system = FatFileSystem(stream, entry.get_rba() * SECTOR_BYTES, f"{name}: boot image")
        except UnreadableAsset:
            continue
        return efi_files(file_system, name)
    return ()


def _grub_files(iso: Any, name: str) -> tuple[AssetFacts, ...]:
    found = []
    for directory, _directories, files in iso.walk(iso_path="/"):
        for file in files:
            path = f"{directory.strip('/')}/{file}".strip("/").partition(";")[0].rstrip(".")
            read = _GRUB_FILES.get(path)
            if read is not None:
                with iso.open_file_from_iso(iso_path=f"{directory.rstrip('/')}/{file}") as source:
                    found.append(read(io.BufferedReader(source), f"{name}: {path.lower()}"))
    return tuple(found)
