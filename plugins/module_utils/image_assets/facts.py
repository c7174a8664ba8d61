# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of one file of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.initramfs import Extension


@dataclass(frozen=True)
class AssetFacts:
    """One file.

    :param name: file name; what is inside another file is named ``outer: inner``.
    :param kind: kernel, initramfs, uki, iso, image, installer or unknown.
    :param architecture: amd64, arm64, ``unknown (...)``, or empty when the file does not say.
    :param form: what the headers say besides, such as ``EFI zboot (zstd)``.
    :param extensions: the system extensions inside; None when the file holds no initramfs that can be looked into.
    :param inner: what is inside it.
    :param problems: why the file is not what it should be, a line each.
    """

    name: str
    kind: str
    architecture: str = ""
    form: str = ""
    extensions: tuple[Extension, ...] | None = None
    inner: tuple[AssetFacts, ...] = ()
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "architecture": self.architecture,
            "form": self.form,
            "extensions": None if self.extensions is None else [vars(extension) for extension in self.extensions],
            "inner": [part.to_dict() for part in self.inner],
            "problems": list(self.problems),
        }

    def parts(self) -> list[AssetFacts]:
        """Return the file and everything inside it."""
        return [self, *(part for inner in self.inner for part in inner.parts())]
