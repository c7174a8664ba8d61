# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with the structure of Talos' images and nothing in them: what the stand-in for the imager writes.

Headers, archives and lists are true to form, so that whoever judges them has something to judge; no byte of them runs.
Sources: siderolabs/talos:pkg/imager/, torvalds/linux:drivers/firmware/efi/libstub/zboot-header.S,
RFC 8878 (zstd), ECMA-119 (ISO 9660), UEFI 2.10 chapter 5 (GPT).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import struct
import tarfile
import zlib
from collections.abc import Mapping, Sequence

NAME = "homelab.talos stand-in for the imager: nothing in this file runs"
MACHINES = {"amd64": 0x8664, "arm64": 0xAA64}
ELF_MACHINES = {"amd64": 0x3E, "arm64": 0xB7}
BOOT_FILES = {"amd64": "BOOTX64.EFI", "arm64": "BOOTAA64.EFI"}
SECTOR = 2048
# From this minor version on the kernel of arm64 is an EFI zboot image and the initramfs is compressed with zstd.
ZBOOT_SINCE = (1, 8)


def minor_version(talos_version: str) -> tuple[int, int]:
    """Return ``(1, 13)`` for ``v1.13.6``."""
    major, minor = talos_version.lstrip("v").split(".")[:2]
    return int(major), int(minor)


def pe_image(architecture: str, zboot: bool) -> bytes:
    """Return a PE image of an architecture, as an EFI zboot image with zstd if asked for."""
    header = bytearray(0x200)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3C, 0x80)
    header[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<H", header, 0x84, MACHINES[architecture])
    payload = zstd_frame(NAME.encode())
    if zboot:
        header[4:8] = b"zimg"
        struct.pack_into("<II", header, 8, len(header), len(payload))
        header[24:29] = b"zstd\0"
    elif architecture == "arm64":
        header[0x38:0x3C] = b"ARM\x64"
    return bytes(header) + payload


def elf_file(architecture: str) -> bytes:
    """Return the header of a 64-bit little-endian ELF program."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, ELF_MACHINES[architecture], 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


def zstd_frame(content: bytes) -> bytes:
    """Return a zstd frame of uncompressed blocks."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content))
    blocks = [content[start : start + (1 << 17)] for start in range(0, len(content), 1 << 17)] or [b""]
    for number, block in enumerate(blocks):
        header = (len(block) << 3) | (number == len(blocks) - 1)
        frame += struct.pack("<I", header)[:3] + block
    return frame


def compressed(content: bytes, talos_version: str) -> bytes:
    """Compress as the initramfs of a Talos version is."""
    if minor_version(talos_version) >= ZBOOT_SINCE:
        return zstd_frame(content)
    return lzma.compress(content, check=lzma.CHECK_CRC32)


def cpio_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a cpio archive in the format newc."""
    archive = bytearray()
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], 1):
        mode = 0o100755 if name != "TRAILER!!!" else 0
        values = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % value for value in values) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def extensions_document(references: Sequence[str]) -> str:
    """Return ``extensions.yaml`` as it lies in an initramfs. Source: siderolabs/talos:pkg/machinery/extensions/."""
    lines = ["layers:"] if references else ["layers: []"]
    for number, reference in enumerate(references):
        repository, _separator, tag = reference.partition("@")[0].rpartition(":")
        name = repository.rpartition("/")[2]
        lines += [f"    - image: {number:03}.{repository.replace('/', '-')}-{tag}.sqsh", "      metadata:"]
        lines += [f"        name: {name}", f"        version: {tag}", f"        author: {NAME}"]
    return "\n".join(lines) + "\n"


def initramfs(architecture: str, talos_version: str, references: Sequence[str]) -> bytes:
    """Return the initramfs of Talos with a second archive for the extensions behind it."""
    base = cpio_archive({"init": elf_file(architecture), "rootfs.sqsh": b"hsqs" + NAME.encode()})
    files = {"extensions.yaml": extensions_document(references).encode()}
    for number, reference in enumerate(references):
        repository, _separator, tag = reference.partition("@")[0].rpartition(":")
        files[f"{number:03}.{repository.replace('/', '-')}-{tag}.sqsh"] = b"hsqs" + reference.encode()
    parts = [base, cpio_archive(files)] if references else [base]
    return b"".join(compressed(part, talos_version) for part in parts)


def tar_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive whose bytes depend on its content alone."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def installer(architecture: str, talos_version: str, kernel: bytes, initial: bytes) -> bytes:
    """Return the installer as a docker archive."""
    layer = tar_archive(
        {f"usr/install/{architecture}/vmlinuz": kernel, f"usr/install/{architecture}/initramfs.xz": initial}
    )
    layer_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"org.opencontainers.image.description": NAME}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_id}"]},
        },
        sort_keys=True,
    ).encode()
    config_name = f"sha256:{hashlib.sha256(config).hexdigest()}"
    tags = [f"ghcr.io/siderolabs/installer:{talos_version}"]
    manifest = [{"Config": config_name, "RepoTags": tags, "Layers": [f"{layer_id}.tar.gz"]}]
    packed = gzip.compress(layer, mtime=0)
    return tar_archive(
        {config_name: config, f"{layer_id}.tar.gz": packed, "manifest.json": json.dumps(manifest).encode()}
    )


def iso_image(files: Mapping[str, bytes]) -> bytes:
    """Return an ISO 9660 image with files in its root directory (names of one level only)."""
    first = 20
    entries, data, place = bytearray(), bytearray(), first
    root = _directory_record(b"\0", 19, SECTOR, True)
    entries += root + _directory_record(b"\1", 19, SECTOR, True)
    for name, content in files.items():
        entries += _directory_record(f"{name};1".encode(), place, len(content), False)
        data += content + bytes(-len(content) % SECTOR)
        place = first + len(data) // SECTOR
    volume = bytearray(SECTOR)
    volume[:7] = b"\x01CD001\x01"
    volume[40:72] = b"TALOS STAND-IN".ljust(32)
    volume[80:88] = struct.pack("<I", place) + struct.pack(">I", place)
    volume[128:132] = struct.pack("<H", SECTOR) + struct.pack(">H", SECTOR)
    volume[156:190] = root
    end = b"\xffCD001\x01".ljust(SECTOR, b"\0")
    return bytes(16 * SECTOR) + bytes(volume) + end + bytes(SECTOR) + bytes(entries).ljust(SECTOR, b"\0") + bytes(data)


def _directory_record(name: bytes, place: int, size: int, is_directory: bool) -> bytes:
    length = 33 + len(name) + (1 - len(name) % 2)
    record = bytearray(length)
    record[0] = length
    record[2:10] = struct.pack("<I", place) + struct.pack(">I", place)
    record[10:18] = struct.pack("<I", size) + struct.pack(">I", size)
    record[25] = 2 if is_directory else 0
    record[28:32] = b"\x01\x00\x00\x01"
    record[32] = len(name)
    record[33 : 33 + len(name)] = name
    return bytes(record)


def disk_image(files: Mapping[str, bytes]) -> bytes:
    """Return a small disk with a GPT and one EFI system partition that holds the files as a tar archive.

    A real one holds a FAT file system there; that of this stand-in says in its label that it does not.
    """
    partition = tar_archive({"STAND-IN": NAME.encode(), **files})
    partition += bytes(-len(partition) % 512)
    last = 2048 + len(partition) // 512 - 1
    entry = bytearray(128)
    entry[:16] = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
    entry[16:32] = hashlib.sha256(partition).digest()[:16]
    entry[32:48] = struct.pack("<QQ", 2048, last)
    entry[56:62] = "EFI".encode("utf-16-le")
    table = bytes(entry) + bytes(127 * 128)
    header = bytearray(92)
    header[:12] = b"EFI PART\x00\x00\x01\x00"
    struct.pack_into("<I", header, 12, 92)
    struct.pack_into("<QQQQ", header, 24, 1, last + 34, 34, last)
    struct.pack_into("<QIII", header, 72, 2, 128, 128, zlib.crc32(table))
    struct.pack_into("<I", header, 16, zlib.crc32(bytes(header)))
    boot = bytearray(512)
    boot[450], boot[510:512] = 0xEE, b"\x55\xaa"
    head = bytes(boot) + bytes(header).ljust(512, b"\0") + table
    return head.ljust(2048 * 512, b"\0") + partition + bytes(33 * 512)
