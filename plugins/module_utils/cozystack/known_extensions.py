# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the system extensions that CozyStack and this collection name.

Source: siderolabs/extensions: directories and their first release tag; builds of amdgpu and i915 are guarded by x86_64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Minor = tuple[int, int]
# real: programs or modules of that architecture; data: files for any; empty: the image exists without content.
Arm64Content = Literal["real", "data", "empty"]

REGISTRY = "ghcr.io/siderolabs"
OLDEST_KNOWN: Minor = (1, 6)
NEWEST_KNOWN: Minor = (1, 14)


@dataclass(frozen=True)
class KnownExtension:
    """An extension.

    :param arm64: what its image holds for arm64.
    :param since: first Talos minor that has it.
    :param until: last Talos minor for which it was published under this name, None when it still is.
    :param needs_configuration: whether its service waits for a document, and the boot with it.
    """

    arm64: Arm64Content
    since: Minor = OLDEST_KNOWN
    until: Minor | None = None
    needs_configuration: bool = False


KNOWN: dict[str, KnownExtension] = {
    "drbd": KnownExtension("real"),
    "zfs": KnownExtension("real"),
    "spin": KnownExtension("real", since=(1, 7)),
    "tailscale": KnownExtension("real", needs_configuration=True),
    "lldpd": KnownExtension("real", since=(1, 9), needs_configuration=True),
    "amd-ucode": KnownExtension("data"),
    "intel-ucode": KnownExtension("data"),
    "bnx2-bnx2x": KnownExtension("data"),
    "intel-ice-firmware": KnownExtension("data"),
    "qlogic-firmware": KnownExtension("data"),
    "amdgpu": KnownExtension("empty", since=(1, 9)),
    "i915": KnownExtension("empty", since=(1, 9)),
    "amdgpu-firmware": KnownExtension("data", until=(1, 8)),
    "i915-ucode": KnownExtension("data", until=(1, 8)),
}
