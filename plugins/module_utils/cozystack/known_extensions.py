# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since and until when there have been the system extensions that CozyStack and this collection name.

All of them have an image for arm64; what is empty or useless there is left out of images by `image_variants`.
Source: siderolabs/extensions: directories and their first release tag.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import LINES

Minor = tuple[int, int]

REGISTRY = "ghcr.io/siderolabs"
OLDEST_KNOWN: Minor = (1, 6)
NEWEST_KNOWN: Minor = max(LINES)


@dataclass(frozen=True)
class KnownExtension:
    """An extension.

    :param since: first Talos minor that has it.
    :param until: last Talos minor for which it was published under this name, None when it still is.
    """

    since: Minor = OLDEST_KNOWN
    until: Minor | None = None


KNOWN: dict[str, KnownExtension] = {
    **dict.fromkeys(("drbd", "zfs", "tailscale"), KnownExtension()),
    **dict.fromkeys(("amd-ucode", "intel-ucode"), KnownExtension()),
    **dict.fromkeys(("bnx2-bnx2x", "intel-ice-firmware", "qlogic-firmware"), KnownExtension()),
    "spin": KnownExtension(since=(1, 7)),
    "lldpd": KnownExtension(since=(1, 9)),
    "amdgpu": KnownExtension(since=(1, 9)),
    "i915": KnownExtension(since=(1, 9)),
    "amdgpu-firmware": KnownExtension(until=(1, 8)),
    "i915-ucode": KnownExtension(until=(1, 8)),
}
