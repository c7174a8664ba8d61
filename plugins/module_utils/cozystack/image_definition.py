# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a variant and an upstream commit to the exact content of its image."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.boards import board_kernel_args, board_overlay
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import ImageReference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import ExtensionList
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import ImageVariant
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition


def define_image(
    variant: ImageVariant, talos_version: str, committed: Iterable[ImageReference], listed: ExtensionList
) -> tuple[ImageDefinition, list[str]]:
    """Return what the image of a variant holds, and remarks.

    What upstream has and the variant wants comes first, in upstream's order and with upstream's digests; the rest of
    the variant follows in order of its names, with the digests of the list. So the text of the profiles is stable.

    :param committed: upstream's own references; those of another Talos version must not be given.
    :param listed: the extensions of ``talos_version``.
    :raises BuildError: an extension does not exist for that Talos version.
    """
    remarks: list[str] = []
    kept = {}
    for reference in committed:
        if reference.name in variant.extensions:
            kept[reference.name] = _pinned(reference, listed, remarks)
    added = [listed.reference(name) for name in variant.extensions if name not in kept]
    overlay = board_overlay(variant.board, variant.board_image) if variant.board else None
    if overlay is not None and "@sha256:" not in overlay.image:
        remarks.append(f"the overlay {overlay.image} is not pinned by digest; give board_image with one to pin it")
    definition = ImageDefinition(
        architecture=variant.architecture,
        talos_version=talos_version,
        extensions=(*kept.values(), *added),
        kernel_args=(*board_kernel_args(variant.board), *variant.kernel_args),
        overlay=overlay,
    )
    return definition, remarks


def _pinned(reference: ImageReference, listed: ExtensionList, remarks: list[str]) -> ImageReference:
    """Return upstream's reference with a digest; a bare tag gets that of the list."""
    if not reference.well_formed:
        raise BuildError(
            f"line {reference.line}", f"{reference.text!r} is no reference of an image", "choose another ref"
        )
    known = listed.references.get(reference.name)
    if reference.digest:
        if known is not None and known.tag == reference.tag and known.digest != reference.digest:
            remarks.append(
                f"{reference.name}:{reference.tag} is {known.digest} in the list and {reference.digest} upstream; "
                "upstream's is taken"
            )
        return reference
    pinned = listed.reference(reference.name)
    if pinned.tag != reference.tag:
        remarks.append(f"upstream has {reference.text}, which is not that of the list; {pinned.text} is taken")
    return pinned
