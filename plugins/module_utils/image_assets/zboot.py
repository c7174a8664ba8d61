# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel inside an EFI zboot image.

Source: torvalds/linux:drivers/firmware/efi/libstub/zboot-header.S (``zimg`` at 4, offset of the payload at 8, its size
at 12, compression at 24), Documentation/arch/arm64/booting.rst (``ARM\x64`` at 0x38).
"""

from __future__ import annotations

import io
import struct

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import Decompressed, Pushback

_BEGIN_BYTES = 64


def payload_begin(data: bytes, what: str) -> bytes:
    """Return the first 64 bytes of the kernel inside a zboot image.

    :param data: the file up to some kilobytes behind the begin of its payload, or all of it.
    :raises UnreadableAsset: the payload cannot be decompressed.
    """
    offset, size = struct.unpack_from("<II", data, 8)
    source = Pushback(io.BytesIO(data[offset : offset + size]))
    return Decompressed(source, f"{what}: payload").read(_BEGIN_BYTES)


def is_arm64(begin: bytes) -> bool:
    """Return whether a bare kernel begins like one for arm64."""
    return begin[0x38:0x3C] == b"ARM\x64"
