# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What architecture a kernel file is for, read from its headers.

Every Talos kernel is a PE image. That of arm64 is an EFI zboot image from Talos 1.8 on, and a plain one before.
Sources: siderolabs/pkgs:kernel/, torvalds/linux:drivers/firmware/efi/libstub/zboot-header.S,
Documentation/arch/arm64/booting.rst.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MACHINES = {0x8664: "amd64", 0xAA64: "arm64"}
_ARM64_MAGIC_OFFSET = 0x38


@dataclass(frozen=True)
class KernelHeader:
    """What the headers of a kernel say.

    :param architecture: ``amd64``, ``arm64``, ``unknown (0x....)`` for another machine, empty for no kernel.
    :param form: ``EFI zboot (zstd)``, ``Image``, ``PE`` or why it is no kernel.
    """

    architecture: str
    form: str


def read_kernel_header(data: bytes) -> KernelHeader:
    """Return what the first bytes of a kernel say.

    :param data: the first kilobytes, or the whole file.
    """
    if data[:2] != b"MZ" or len(data) < 0x40:
        return KernelHeader("", "not a PE image: it does not begin with MZ")
    offset = struct.unpack_from("<I", data, 0x3C)[0]
    if data[offset : offset + 4] != b"PE\0\0" or len(data) < offset + 6:
        return KernelHeader("", f"not a PE image: no PE header at 0x{offset:x}")
    machine = struct.unpack_from("<H", data, offset + 4)[0]
    architecture = MACHINES.get(machine, f"unknown (0x{machine:04x})")
    if data[4:8] == b"zimg":
        compression = data[24:56].split(b"\0")[0].decode("ascii", "replace")
        return KernelHeader(architecture, f"EFI zboot ({compression})")
    if data[_ARM64_MAGIC_OFFSET : _ARM64_MAGIC_OFFSET + 4] == b"ARM\x64":
        return KernelHeader(architecture, "Image")
    return KernelHeader(architecture, "PE")
