# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants of an image as data: which extensions, which board, for which role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.naming import ImageName, image_name
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import Fields

# Their payload is empty on other architectures, or means nothing there. Source: siderolabs/extensions.
X86_ONLY = frozenset(
    (
        *("amd-ucode", "amdgpu", "amdgpu-firmware", "i915", "i915-ucode", "intel-npu", "intel-ucode", "xe"),
        *("hyperv-guest-agent", "vmtoolsd-guest-agent", "xen-guest-agent"),
    )
)


@dataclass(frozen=True)
class ImageVariant:
    """One variant.

    :param name: unique among the variants.
    :param extensions: names of the system extensions, sorted.
    :param board: name of a single-board computer's overlay, empty for UEFI machines.
    :param board_image: image that holds the overlay, empty for the one that is known.
    :param kernel_args: further arguments of the kernel.
    :param roles: roles of hosts that boot it; the variant's own name when it is that of a role.
    """

    name: str
    extensions: tuple[str, ...] = ()
    architecture: str = "arm64"
    board: str = ""
    board_image: str = ""
    kernel_args: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    KEYS = ("name", "extensions", "architecture", "board", "board_image", "kernel_args", "roles")

    @classmethod
    def from_mapping(cls, data: Any) -> ImageVariant:
        """Read one variant.

        :raises DefinitionError: a key is unknown or a value cannot be used.
        :raises BuildError: the name cannot be used, or an extension does nothing on the architecture.
        """
        named = data.get("name") if isinstance(data, Mapping) else None
        fields = Fields(f"variant {named or '?'}", "", data, cls.KEYS)
        name = fields.text("name")
        variant = cls(
            name=name,
            extensions=tuple(sorted(fields.texts("extensions"))),
            architecture=fields.text("architecture", "arm64"),
            board=fields.text("board", ""),
            board_image=fields.text("board_image", ""),
            kernel_args=fields.texts("kernel_args"),
            roles=fields.texts("roles") or (name,),
        )
        image_name(variant.name, variant.architecture, variant.board)
        _refuse_extensions(variant)
        return variant

    @property
    def image(self) -> ImageName:
        """The names of its image."""
        return image_name(self.name, self.architecture, self.board)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for which ``from_mapping`` returns an equal variant."""
        values = {key: getattr(self, key) for key in self.KEYS}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def read_variants(items: Sequence[Any]) -> tuple[list[ImageVariant], list[str]]:
    """Read all variants.

    :return: the variants, and a remark for each pair that holds the same.
    :raises BuildError: two would have the same name, or one cannot be used.
    """
    variants: list[ImageVariant] = []
    taken: dict[str, str] = {}
    for item in items:
        variant = ImageVariant.from_mapping(item)
        key = variant.image.key
        if key in taken:
            raise BuildError(
                f"variant {variant.name}",
                f"would be built as {key}, as variant {taken[key]} already is",
                "give every variant a name of its own",
            )
        taken[key] = variant.name
        variants.append(variant)
    return variants, list(_alike(variants))


def _alike(variants: Sequence[ImageVariant]) -> list[str]:
    remarks = []
    for place, variant in enumerate(variants):
        for other in variants[:place]:
            same = ("extensions", "architecture", "board", "board_image", "kernel_args")
            if all(getattr(variant, key) == getattr(other, key) for key in same):
                remarks.append(
                    f"variants {other.name} and {variant.name} hold the same extensions "
                    f"({', '.join(variant.extensions) or 'none'}): one image would do for both"
                )
    return remarks


def _refuse_extensions(variant: ImageVariant) -> None:
    for place, name in enumerate(variant.extensions):
        if name in variant.extensions[:place]:
            raise BuildError(f"variant {variant.name}", f"extension {name} is listed twice", "keep one of them")
        if variant.architecture != "amd64" and name in X86_ONLY:
            raise BuildError(
                f"variant {variant.name}",
                f"extension {name} holds nothing for {variant.architecture}",
                "take it out of the variant",
            )


# Control planes are compute nodes too.
_ROLES_OF_MACHINE_TYPES = {"controlplane": ("compute",), "worker": ("compute", "gateway")}


def select_variants(variants: Sequence[ImageVariant], selection: Sequence[str]) -> list[ImageVariant]:
    """Return the variants that are chosen, in their order.

    :param selection: names of variants, roles, or machine types (``controlplane``, ``worker``); empty for all.
    :raises BuildError: a word chooses none.
    """
    chosen: set[str] = set()
    for word in selection:
        roles = {word, *_ROLES_OF_MACHINE_TYPES.get(word, ())}
        names = {variant.name for variant in variants if variant.name == word or roles & set(variant.roles)}
        if not names:
            known = ", ".join(variant.name for variant in variants) or "none"
            raise BuildError(f"selection {word!r}", "chooses no variant", f"variants are {known}")
        chosen |= names
    return [variant for variant in variants if not selection or variant.name in chosen]
