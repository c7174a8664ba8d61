# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files made to lead a reader astray: each ends as one problem in one line, soon and in little memory."""

from __future__ import annotations

import json
import lzma
import struct
import tarfile
import zlib
from pathlib import Path

import pytest
import zstandard

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import disk_image, streams
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import inspect
from ansible_collections.homelab.talos.tests.support import bootable_media as media

SECTOR = 512
PARTITION = 40 * SECTOR


def problems(directory: Path, name: str, content: bytes) -> str:
    """Return what is wrong with a file, as one line."""
    path = directory / name
    path.write_bytes(content)
    found = inspect(path).problems
    assert found
    assert all("\n" not in line for line in found)
    return " | ".join(found)


def gpt(first: int = 2, number: int = 4, size: int = 128, begin: int = 40) -> bytearray:
    """Return a disk of 1 MiB with one EFI partition and whatever the header shall say."""
    disk = bytearray(1 << 20)
    disk[SECTOR : SECTOR + 8] = b"EFI PART"
    struct.pack_into("<QII", disk, SECTOR + 72, first, number, size)
    disk[2 * SECTOR : 2 * SECTOR + 16] = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
    struct.pack_into("<QQ", disk, 2 * SECTOR + 32, begin, begin + 1000)
    return disk


def fat(table_sectors: int = 8) -> bytearray:
    """Return a disk whose EFI partition is FAT32, its root directory at cluster 2."""
    disk = gpt()
    disk[PARTITION + 510 : PARTITION + 512] = b"\x55\xaa"
    struct.pack_into("<HBHBHHBH", disk, PARTITION + 11, SECTOR, 8, 1, 1, 0, 0, 0, 0)
    for place, value in ((32, 1 << 20), (36, table_sectors), (44, 2)):
        struct.pack_into("<I", disk, PARTITION + place, value)
    return disk


def endless_directory() -> bytes:
    """Return a disk whose root directory is one cluster of deleted entries that is its own successor."""
    disk = fat()
    struct.pack_into("<I", disk, PARTITION + SECTOR + 2 * 4, 2)
    data = PARTITION + 9 * SECTOR
    disk[data : data + 8 * SECTOR] = (b"\xe5" + bytes(31)) * (8 * SECTOR // 32)
    return bytes(disk)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (gpt(first=1 << 62), "partition table is damaged"),
        (gpt(number=512, size=0xFFFFFFFF), "partition table is damaged"),
        (gpt(size=0), "partition table is damaged"),
        (gpt(begin=1 << 60), "behind the end of the disk"),
        (fat(table_sectors=0xFFFFFFFF), "file allocation table of"),
        (endless_directory(), "a directory that does not end"),
    ],
    ids=["table-far-away", "huge-entries", "empty-entries", "partition-far-away", "huge-table", "loop-of-clusters"],
)
def test_disk_image(tmp_path: Path, content: bytes, problem: str) -> None:
    assert problem in problems(tmp_path, "metal-arm64.raw", bytes(content))


def cpio_header(size: bytes) -> bytes:
    return b"070701" + b"00000001" * 6 + size + b"00000001" * 4 + b"00000005" + b"00000000"


def test_cpio_member_of_negative_size(tmp_path: Path) -> None:
    content = cpio_header(b"-0000001") + b"init\0" + bytes(4096)
    assert "header of a cpio archive is damaged" in problems(tmp_path, "initramfs-metal-arm64.xz", content)


def test_cpio_member_of_huge_size(tmp_path: Path) -> None:
    content = cpio_header(b"FFFFFFFF") + b"init\0" + bytes(4096)
    assert "is cut off" in problems(tmp_path, "initramfs-metal-arm64.xz", content)


def test_initramfs_that_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LARGEST_STREAM", 1 << 20)
    content = zstandard.compress(cpio_header(b"7FFFFFFF") + b"init\0" + bytes(8 << 20))
    assert "unpacks to more than 1048576 bytes" in problems(tmp_path, "initramfs-metal-arm64.xz", content)


def test_disk_image_that_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_image, "LARGEST_DISK", 4 << 20)
    content = zstandard.compress(bytes(8 << 20))
    assert "unpacks to more than 4194304 bytes" in problems(tmp_path, "metal-arm64.raw.zst", content)


def test_disk_image_that_would_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_image, "LARGEST_DISK_CONTENT", 2 << 20)
    content = zstandard.compress(b"x" * (8 << 20))
    assert "2097152 bytes that are not zero" in problems(tmp_path, "metal-arm64.raw.zst", content)


def test_a_dictionary_larger_than_any_image_needs(tmp_path: Path) -> None:
    content = bytearray(lzma.compress(bytes(1000), check=lzma.CHECK_CRC32))
    # Block header: its size, flags, filter 0x21 with one byte of properties, which is the size of the dictionary.
    assert content[14:16] == b"\x21\x01"
    content[16] = 40
    content[20:24] = struct.pack("<I", zlib.crc32(bytes(content[12:20])))
    assert "Memory usage limit" in problems(tmp_path, "initramfs-metal-arm64.xz", bytes(content))


def header_only(kind: bytes, size: int) -> bytes:
    """Return a tar archive of one header that promises more than there is."""
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(4096)


@pytest.mark.parametrize(
    "content",
    [
        header_only(tarfile.XHDTYPE, 1 << 60),
        header_only(tarfile.GNUTYPE_LONGNAME, 1 << 62),
        header_only(tarfile.REGTYPE, 1 << 62),
        media.tar({"manifest.json": b"[" * 100_000}),
        media.tar({"manifest.json": json.dumps([{"Config": 5, "Layers": 5}]).encode()}),
        media.tar({"manifest.json": b'[{"Config": "c", "Layers": []}]', "c": b"[1]"}),
        lzma.compress(bytes(100_000))[:60] + b"damaged" * 10,
    ],
    ids=["long-pax", "long-name", "long-file", "deep-json", "numbers-for-names", "list-for-mapping", "damaged-xz"],
)
def test_installer(tmp_path: Path, content: bytes) -> None:
    assert "no readable" in problems(tmp_path, "installer-arm64.tar", content)


def test_installer_whose_manifest_is_a_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "installer-arm64.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("manifest.json")
        member.type, member.linkname = tarfile.SYMTYPE, "manifest.json"
        archive.addfile(member)
    assert "no readable" in problems(tmp_path, path.name, path.read_bytes())
