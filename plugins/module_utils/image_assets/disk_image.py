# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A raw disk image of Talos, compressed or not: its EFI partition is looked into.

A compressed one is unpacked into a temporary file with holes: a disk of 1.3 GB is mostly zeros.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.efi_partition import efi_files, outer_facts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.fat import FatFileSystem
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.gpt import EFI_SYSTEM, partitions
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import (
    BLOCK_BYTES,
    LONGEST_MAGIC,
    Decompressed,
    Pushback,
    compression,
)

# A disk may be large, but most of it is a hole.
LARGEST_DISK = 64 << 30
LARGEST_DISK_CONTENT = 16 << 30


def disk_image(path: Path) -> AssetFacts:
    """Return what is seen of a disk image.

    :raises OSError: it cannot be read, or there is no room for the temporary file.
    """
    with path.open("rb") as stream:
        form = compression(stream.read(LONGEST_MAGIC))
        stream.seek(0)
        try:
            if not form:
                return _disk(stream, path.name, "GPT")
            with tempfile.TemporaryFile(prefix="homelab-disk-") as disk:
                _unpack(Decompressed(Pushback(stream), path.name, LARGEST_DISK), disk, path.name)
                return _disk(disk, path.name, f"GPT ({form})")
        except UnreadableAsset as error:
            return AssetFacts(path.name, "image", problems=(str(error),))


def _unpack(source: Decompressed, disk: BinaryIO, name: str) -> None:
    size = content = 0
    while block := source.read(BLOCK_BYTES):
        size += len(block)
        try:
            if block.count(0) == len(block):
                disk.seek(len(block), 1)
                continue
            content += len(block)
            if content > LARGEST_DISK_CONTENT:
                raise UnreadableAsset(f"{name}: unpacks to more than {LARGEST_DISK_CONTENT} bytes that are not zero")
            disk.write(block)
        except OSError as error:  # a full disk; the temporary file has no name to show
            raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None
    disk.truncate(size)


def _disk(disk: BinaryIO, name: str, form: str) -> AssetFacts:
    for partition in partitions(disk, name):
        if partition.kind == EFI_SYSTEM:
            inner = efi_files(FatFileSystem(disk, partition.offset, f"{name}: EFI partition"), name)
            return outer_facts(name, "image", form, inner)
    raise UnreadableAsset(f"{name}: no EFI partition")
