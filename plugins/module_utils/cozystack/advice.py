# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator should know about the images of a commit, beyond whether they can be built; no judgement."""

from __future__ import annotations

import ipaddress

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.platform_facts import PlatformFacts
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.addresses import TAILNET
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import (
    UnknownVersion,
    Version,
    parse_version,
)

# First Talos whose arm64 kernel is a compressed EFI image. Source: siderolabs/pkgs c839801.
ZBOOT = Version(1, 8, 0)
# First Talos that uses kexec on arm64 again. Source: siderolabs/talos #13265.
KEXEC = Version(1, 13, 1)


def notes(layout: Layout | None, platform: PlatformFacts) -> list[str]:
    """Return one line for each thing to know."""
    found = [*_of_talos(layout), *_of_publishing(layout)] if layout else []
    return [*found, *_of_platform(platform)]


def _of_talos(layout: Layout) -> list[str]:
    try:
        talos = parse_version(layout.talos_version)
    except UnknownVersion:
        return []
    found = []
    if talos >= ZBOOT:
        found.append("the arm64 kernel is an EFI image with zstd: boot it by firmware, not with qemu -kernel")
    if talos >= KEXEC:
        found.append(
            "reboots use kexec on arm64: a machine that hangs there needs the sysctl kernel.kexec_load_disabled=1"
        )
    if not layout.base_installer.digest:
        found.append("imager and base installer are given by tag: what they were is recorded when an image is built")
    return found


def _of_publishing(layout: Layout) -> list[str]:
    found = []
    if "$(IMAGE_TAG)" in layout.makefile_file.text:
        found.append("upstream pushes talos:<version> only for releases: take images by digest")
    texts = [layout.makefile_file.text, *(each.file.text for each in layout.includes if each.file is not None)]
    if any("REGISTRY := ghcr.io/aenix-io" in text for text in texts):
        found.append("upstream's images of that time are below ghcr.io/aenix-io")
    return found


def _of_platform(platform: PlatformFacts) -> list[str]:
    found = []
    if platform.installer_platforms == ("linux/amd64",):
        found.append("the installer image of the platform is amd64 only")
    if _in_tailnet(platform.join_cidr):
        found.append(
            f"joinCIDR {platform.join_cidr} lies in the tailnet's addresses: with a gateway, choose another at install"
        )
    return found


def _in_tailnet(cidr: str) -> bool:
    try:
        return ipaddress.ip_network(cidr, strict=False).overlaps(TAILNET)
    except ValueError:
        return False
