# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What architecture an ELF file is for.

Source: the System V ABI, ELF header (e_machine at byte 18).
"""

from __future__ import annotations

import struct

MACHINES = {0x3E: "amd64", 0xB7: "arm64"}


def elf_architecture(data: bytes) -> str:
    """Return ``amd64``, ``arm64`` or ``unknown (0x..)`` for the first 20 bytes of a file, nothing for no ELF file."""
    if len(data) < 20 or not data.startswith(b"\x7fELF"):
        return ""
    machine = struct.unpack_from("<H" if data[5] == 1 else ">H", data, 18)[0]
    return MACHINES.get(machine, f"unknown (0x{machine:02x})")
