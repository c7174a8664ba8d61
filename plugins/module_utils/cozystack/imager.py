# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The imager of Talos seen from outside: what it calls its files, and which keys its profile knows.

Source: siderolabs/talos:pkg/imager/profile/profile.go, input.go, output.go; customization.go.
"""

from __future__ import annotations

from dataclasses import dataclass

ARCHITECTURES = ("amd64", "arm64")
_FIXED_NAMES = {
    "kernel": "kernel-{arch}",
    "initramfs": "initramfs-{platform}-{arch}.xz",
    "iso": "{platform}-{arch}.iso",
    "installer": "installer-{arch}.tar",
}
_SUFFIXES = {"raw": "", ".xz": ".xz", ".gz": ".gz", ".zst": ".zst", ".tar.gz": ".tar.gz"}


@dataclass(frozen=True)
class OutputKind:
    """What a profile asks for: ``platform``, the imager's ``kind`` and ``out_format``."""

    platform: str
    kind: str
    out_format: str

    def file_name(self, arch: str) -> str:
        """Return the file that the imager writes, without directory; empty when it would refuse the kind."""
        if self.kind == "image":
            suffix = _SUFFIXES.get(self.out_format)
            return "" if suffix is None else f"{self.platform}-{arch}.raw{suffix}"
        return _FIXED_NAMES.get(self.kind, "").format(platform=self.platform, arch=arch)


# The kinds of this collection, in CozyStack's order, and what the profile of each asks for.
KINDS: dict[str, OutputKind] = {
    "initramfs": OutputKind("metal", "initramfs", "raw"),
    "kernel": OutputKind("metal", "kernel", "raw"),
    "iso": OutputKind("metal", "iso", "raw"),
    "installer": OutputKind("metal", "installer", "raw"),
    "nocloud": OutputKind("nocloud", "image", ".xz"),
    "metal": OutputKind("metal", "image", ".xz"),
}

# Keys of CozyStack's own profiles: exactly these are in a generated profile.
TEMPLATE_KEYS = frozenset(
    {
        "arch",
        "platform",
        "secureboot",
        "version",
        "input",
        "input.kernel",
        "input.kernel.path",
        "input.initramfs",
        "input.initramfs.path",
        "input.baseInstaller",
        "input.baseInstaller.imageRef",
        "input.systemExtensions",
        "input.systemExtensions.imageRef",
        "output",
        "output.kind",
        "output.imageOptions",
        "output.imageOptions.diskSize",
        "output.imageOptions.diskFormat",
        "output.outFormat",
    }
)

# Further keys that the imager accepts. What is below one of these is the imager's business.
FURTHER_KEYS = frozenset(
    {
        "baseProfileName",
        "customization",
        "overlay",
        "input.sdStub",
        "input.sdBoot",
        "input.dtb",
        "input.uboot",
        "input.rpiFirmware",
        "input.baseInstaller.forceInsecure",
        "input.baseInstaller.tarballPath",
        "input.baseInstaller.ociPath",
        "input.systemExtensions.forceInsecure",
        "input.systemExtensions.tarballPath",
        "input.systemExtensions.ociPath",
        "input.overlayInstaller",
        "input.imageCache",
        "input.secureboot",
        "output.imageOptions.diskFormatOptions",
        "output.imageOptions.diskSectorSize",
        "output.imageOptions.bootloader",
        "output.imageOptions.sdBootEnrollKeys",
        "output.isoOptions",
    }
)
