# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one function that names images: everything called after an image is derived from it.

Two variants may hold files of the same names (``kernel-arm64``), so an image is its directory, its tag in a registry
and its key among the built images; all three are unique for variant, board and architecture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError

ARCHITECTURES = ("amd64", "arm64")
_VARIANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_BOARD = re.compile(r"[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class ImageName:
    """The names of one image.

    :ivar key: its key among the built images and its directory below theirs, such as ``arm64/compute``.
    :ivar stem: the same without a slash, for files and log files, such as ``compute-arm64``.
    """

    key: str
    stem: str

    def tag(self, talos_version: str) -> str:
        """Return the tag of its installer in a registry, such as ``v1.13.6-compute-arm64``."""
        return f"{talos_version}-{self.stem}"


def image_name(variant: str, architecture: str = "arm64", board: str = "") -> ImageName:
    """Return the names of the image of a variant.

    :param variant: name of the variant: lower-case letters, digits and dashes.
    :param board: name of a board's overlay; its underscores become dashes.
    :raises BuildError: one of them cannot be part of a name.
    """
    if not _VARIANT.fullmatch(variant):
        raise BuildError(
            f"variant {variant!r}",
            "cannot be part of a file name, a tag and a registry key",
            "use up to 40 lower-case letters, digits and dashes",
        )
    if architecture not in ARCHITECTURES:
        raise BuildError(f"variant {variant}", f"architecture {architecture!r} is unknown", "use arm64 or amd64")
    if board and not _BOARD.fullmatch(board):
        raise BuildError(f"variant {variant}", f"board {board!r} is not a name", "use the name of an overlay of Talos")
    whole = f"{variant}-{board.replace('_', '-')}" if board else variant
    return ImageName(f"{architecture}/{whole}", f"{whole}-{architecture}")
