# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels, initramfs archives and bootable media with the structure of Talos' own, for tests; nothing in them runs.

FAT file systems are written by mtools and ISO images by pycdlib, so that our readers are tried on the work of others.
Sources: siderolabs/talos:pkg/imager (uefi.go, extensions/rebuild.go), internal/pkg/uki;
torvalds/linux:drivers/firmware/efi/libstub/zboot-header.S; UEFI specification 2.10 chapter 5 (GPT).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import struct
import subprocess
import tarfile
import tempfile
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pycdlib
import zstandard

PE_MACHINES = {"amd64": 0x8664, "arm64": 0xAA64}
ELF_MACHINES = {"amd64": 0x3E, "arm64": 0xB7}
BOOT_FILES = {"amd64": "BOOTX64.EFI", "arm64": "BOOTAA64.EFI"}
SECTOR = 512
MTOOLS_SECONDS = 60
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
FIRST_SECTOR = 2048


def pe_header(architecture: str) -> bytearray:
    """Return a PE header of half a kilobyte, without sections."""
    header = bytearray(0x200)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 0x3C, 0x80)
    header[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<H", header, 0x84, PE_MACHINES[architecture])
    return header


def kernel(architecture: str = "arm64", payload: str | None = None) -> bytes:
    """Return a kernel: EFI zboot with zstd for arm64, a bare PE image for amd64.

    :param payload: architecture of the kernel inside the zboot image, if it shall be another one.
    """
    header = pe_header(architecture)
    if architecture == "amd64":
        return bytes(header) + b"bzImage"
    inner = bytearray(4096)
    inner[:2] = b"MZ"
    if (payload or architecture) == "arm64":
        inner[0x38:0x3C] = b"ARM\x64"
    packed = zstandard.compress(bytes(inner))
    header[4:8] = b"zimg"
    struct.pack_into("<II", header, 8, len(header), len(packed))
    header[24:29] = b"zstd\0"
    return bytes(header) + packed


def elf(architecture: str) -> bytes:
    """Return the header of a 64-bit little-endian program."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 2, ELF_MACHINES[architecture], 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)


def cpio(files: Mapping[str, bytes]) -> bytes:
    """Return a cpio archive in the form newc."""
    archive = bytearray()
    for number, (name, content) in enumerate([*files.items(), ("TRAILER!!!", b"")], 1):
        mode = 0o100755 if name != "TRAILER!!!" else 0
        values = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % value for value in values) + name.encode() + b"\0"
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def extensions_yaml(extensions: Mapping[str, str]) -> str:
    """Return the list of layers for name -> version, with what the imager adds by itself."""
    lines = ["layers:"]
    for name, version in {**extensions, "modules.dep": "6.18.0-talos"}.items():
        lines += [f"    - image: {name}.sqsh", "      metadata:", f"        name: {name}"]
        lines += [f"        version: {version}", "        author: nobody"]
    return "\n".join(lines) + "\n"


def initramfs(
    architecture: str = "arm64",
    extensions: Mapping[str, str] | None = None,
    *,
    form: str = "zstd",
    leave_out: Sequence[str] = (),
    root: bytes = b"hsqs",
) -> bytes:
    """Return an initramfs: a bare archive, the base, and behind it one with the extensions.

    :param form: zstd, xz or gzip.
    :param leave_out: layers that are listed and not put in.
    :param root: content of the root file system.
    """
    packers: dict[str, Callable[[bytes], bytes]] = {
        "zstd": zstandard.compress,
        "xz": lzma.compress,
        "gzip": gzip.compress,
    }
    pack = packers[form]
    microcode = cpio({"kernel/x86/microcode/none.bin": b"none"})
    base = pack(cpio({"init": elf(architecture), "rootfs.sqsh": root}))
    if extensions is None:
        return microcode + base
    layers = {f"{name}.sqsh": b"hsqs" for name in [*extensions, "modules.dep"] if name not in leave_out}
    listing = {"extensions.yaml": extensions_yaml(extensions).encode()}
    # The kernel allows zeros between archives.
    return microcode + base + bytes(8) + pack(cpio(listing | layers))


def uki(kernel_file: bytes, initramfs_file: bytes, architecture: str = "arm64") -> bytes:
    """Return a unified kernel image with the sections .cmdline, .linux and .initrd."""
    parts = {".cmdline": b"talos.platform=metal", ".linux": kernel_file, ".initrd": initramfs_file}
    header = pe_header(architecture)
    struct.pack_into("<H", header, 0x86, len(parts))
    position, body = len(header), bytearray()
    for number, (name, content) in enumerate(parts.items()):
        start = 0x80 + 24 + number * 40
        raw = len(content) + -len(content) % SECTOR
        header[start : start + len(name)] = name.encode()
        struct.pack_into("<IIII", header, start + 8, len(content), 0, raw, position)
        body += content.ljust(raw, b"\0")
        position += raw
    return bytes(header + body)


def efi_file_system(files: Mapping[str, bytes]) -> bytes:
    """Return a FAT file system with the files (path -> content), written by mtools."""
    need = sum(map(len, files.values()))
    sectors = (need // SECTOR * 5 // 4) + 8192
    with tempfile.TemporaryDirectory(prefix="homelab-efi-") as directory:
        image = Path(directory, "efi.img")
        _mtools("mformat", "-C", "-i", str(image), "-T", str(sectors), "-v", "EFI", "::")
        made: set[str] = set()
        for path, content in files.items():
            parents = path.split("/")[:-1]
            for depth in range(1, len(parents) + 1):
                parent = "/".join(parents[:depth])
                if parent not in made:
                    _mtools("mmd", "-i", str(image), f"::{parent}")
                    made.add(parent)
            source = Path(directory, "content")
            source.write_bytes(content)
            _mtools("mcopy", "-i", str(image), str(source), f"::{path}")
        return image.read_bytes()


def boot_partition(architecture: str, image: bytes, loader: str | None = None) -> bytes:
    """Return an EFI partition with boot loader and one unified kernel image.

    :param loader: architecture of the boot loader, if it shall be another one.
    """
    boot = {f"EFI/BOOT/{BOOT_FILES[loader or architecture]}": bytes(pe_header(loader or architecture))}
    return efi_file_system({**boot, "EFI/Linux/Talos-v1.13.9.efi": image, "loader/loader.conf": b"timeout 10\n"})


def disk(partition: bytes) -> bytes:
    """Return a disk with one EFI system partition."""
    last = FIRST_SECTOR + (len(partition) + SECTOR - 1) // SECTOR - 1
    entry = bytearray(128)
    entry[:16] = EFI_SYSTEM.bytes_le
    entry[16:32] = hashlib.sha256(partition).digest()[:16]
    struct.pack_into("<QQ", entry, 32, FIRST_SECTOR, last)
    entry[56:62] = "EFI".encode("utf-16-le")
    table = bytes(entry) + bytes(127 * 128)
    header = bytearray(92)
    header[:12] = b"EFI PART\x00\x00\x01\x00"
    struct.pack_into("<I", header, 12, 92)
    struct.pack_into("<QQQQ", header, 24, 1, last + 34, 34, last)
    struct.pack_into("<QIII", header, 72, 2, 128, 128, zlib.crc32(table))
    struct.pack_into("<I", header, 16, zlib.crc32(bytes(header)))
    protective = bytearray(SECTOR)
    protective[450], protective[510:512] = 0xEE, b"\x55\xaa"
    head = bytes(protective) + bytes(header).ljust(SECTOR, b"\0") + table
    return head.ljust(FIRST_SECTOR * SECTOR, b"\0") + partition + bytes(33 * SECTOR)


def iso(partition: bytes) -> bytes:
    """Return an ISO image that UEFI boots from an EFI file system, written by pycdlib."""
    image = pycdlib.PyCdlib()
    image.new(vol_ident="TALOS")
    image.add_fp(io.BytesIO(partition), len(partition), "/EFIBOOT.IMG;1")
    image.add_eltorito("/EFIBOOT.IMG;1", media_name="noemul", efi=True)
    written = io.BytesIO()
    image.write_fp(written)
    image.close()
    return written.getvalue()


def tar(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive whose bytes depend on its content alone."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def installer(architecture: str, files: Mapping[str, bytes], *, oci: bool = False) -> bytes:
    """Return the archive of an installer image with files below /usr/install/ARCHITECTURE.

    :param oci: as an OCI archive in place of a docker archive.
    """
    layer = gzip.compress(tar({f"usr/install/{architecture}/{name}": data for name, data in files.items()}), mtime=0)
    config = json.dumps({"architecture": architecture, "os": "linux"}).encode()
    if not oci:
        manifest = [{"Config": "config.json", "RepoTags": ["installer:v1"], "Layers": ["layer.tar.gz"]}]
        return tar({"config.json": config, "layer.tar.gz": layer, "manifest.json": json.dumps(manifest).encode()})
    blobs = {f"blobs/sha256/{hashlib.sha256(data).hexdigest()}": data for data in (config, layer)}
    names = [{"digest": f"sha256:{hashlib.sha256(data).hexdigest()}"} for data in (config, layer)]
    inner = json.dumps({"config": names[0], "layers": names[1:]}).encode()
    blobs[f"blobs/sha256/{hashlib.sha256(inner).hexdigest()}"] = inner
    index = {"manifests": [{"digest": f"sha256:{hashlib.sha256(inner).hexdigest()}"}]}
    return tar({**blobs, "index.json": json.dumps(index).encode()})


def _mtools(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=MTOOLS_SECONDS)
    except FileNotFoundError:
        raise RuntimeError("mtools is not installed; run 'make environment'") from None
