# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one file of an image is, by the name that the imager gives it.

Source: siderolabs/talos:pkg/imager/profile/profile.go (OutputPath).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import boot_files
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.disk_image import disk_image
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.installer_archive import installer_archive
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.iso_image import iso_image
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import Reader
from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import MissingLibrary

_NAMES = {
    "kernel": re.compile(r"(?:kernel|vmlinuz)-(?P<architecture>amd64|arm64)"),
    "initramfs": re.compile(r"initramfs-(?:[a-z0-9]+-)?(?P<architecture>amd64|arm64)(?:-secureboot)?\.xz"),
    "uki": re.compile(r"[a-z0-9]+-(?P<architecture>amd64|arm64)(?:-secureboot)?-uki\.efi"),
    "iso": re.compile(r"[a-z0-9]+-(?P<architecture>amd64|arm64)(?:-secureboot)?\.iso"),
    "installer": re.compile(r"installer-(?P<architecture>amd64|arm64)(?:-secureboot)?\.tar"),
    "image": re.compile(r"[a-z0-9-]+-(?P<architecture>amd64|arm64)(?:-secureboot)?\.raw(?:\.(?:xz|zst|gz))?"),
}
_STREAMS: dict[str, Callable[[Reader, str], AssetFacts]] = {
    "kernel": boot_files.kernel,
    "initramfs": boot_files.initramfs,
    "uki": boot_files.uki,
}
_FILES: dict[str, Callable[[Path], AssetFacts]] = {
    "iso": iso_image,
    "installer": installer_archive,
    "image": disk_image,
}
KINDS = tuple(_NAMES)
_LONGEST_CAUSE = 200


@dataclass(frozen=True)
class AssetName:
    """What a file name promises: kind (one of :data:`KINDS`, or unknown) and architecture."""

    kind: str
    architecture: str


def parse_name(name: str) -> AssetName:
    """Return what a file name promises."""
    for kind, pattern in _NAMES.items():
        found = pattern.fullmatch(name)
        if found:
            return AssetName(kind, found["architecture"])
    return AssetName("unknown", "")


def inspect(path: Path, kind: str = "") -> AssetFacts:
    """Return what is seen of a file, which is read as a stream. One that is damaged in any way has it in ``problems``.

    :param kind: one of :data:`KINDS`; what the name says when left out.
    :raises OSError: it cannot be read.
    :raises MissingLibrary: a library for its format is not installed.
    """
    kind = kind or parse_name(path.name).kind
    try:
        return _inspect(path, kind)
    except MissingLibrary:
        raise
    except OSError as error:
        # Sizes in a damaged file lead to places that no file has; gzip's own error has no number.
        if error.errno not in (None, errno.EINVAL):
            raise OSError(error.errno, error.strerror, error.filename or str(path)) from None
        return _damaged(path, kind, error)
    except Exception as error:  # pycdlib and tarfile raise whatever a damaged file leads them to
        return _damaged(path, kind, error)


def _damaged(path: Path, kind: str, error: Exception) -> AssetFacts:
    cause = " ".join(f"{type(error).__name__} {error}".split())[:_LONGEST_CAUSE]
    return AssetFacts(path.name, kind, problems=(f"{path.name}: no readable {kind} ({cause})",))


def _inspect(path: Path, kind: str) -> AssetFacts:
    if kind in _STREAMS:
        with path.open("rb") as stream:
            return _STREAMS[kind](stream, path.name)
    if kind in _FILES:
        return _FILES[kind](path)
    return AssetFacts(path.name, "unknown")
