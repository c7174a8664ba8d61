# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_factory
short_description: The same image from Talos' Image Factory
version_added: 0.1.0
description:
  - Returns schematic, installer and files of the Image Factory for a variant. The id of a schematic is the hash of its
    text, so nobody is asked.
author:
  - homelab.talos contributors (@homelab)
positional: _input, talos_version
options:
  _input:
    description: The variant, as P(homelab.talos.image_variants#filter) returns it.
    type: dict
    required: true
  talos_version:
    description: Talos version; empty for the one that this collection was made for.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show the installers
  ansible.builtin.debug:
    msg: "{{ wanted.variants | map('homelab.talos.image_factory', 'v1.13.6') | map(attribute='installer') }}"
  vars:
    wanted: "{{ talos_variants | homelab.talos.image_variants }}"
"""

RETURN = r"""
_value:
  description: C(name), C(talos_version), C(schematic) (the id), C(text) (of the schematic), C(installer) and C(files).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.boards import board_kernel_args, board_overlay
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DEFAULT_TALOS_VERSION
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.schematic import Schematic

# The factory names the initramfs without its platform. Source: siderolabs/image-factory:internal/profile/.
_FILES = ("kernel-{0}", "initramfs-{0}.xz", "metal-{0}.iso", "metal-{0}.raw.xz", "nocloud-{0}.raw.xz")


def image_factory(variant: Mapping[str, Any], talos_version: str = "") -> dict[str, Any]:
    """Return what the factory has; see the documentation of the filter.

    :raises AnsibleFilterError: the board is unknown.
    """
    version = talos_version or DEFAULT_TALOS_VERSION
    board = str(variant.get("board") or "")
    try:
        overlay = board_overlay(board, str(variant.get("board_image") or "")) if board else None
    except BuildError as error:
        raise AnsibleFilterError(str(error)) from None
    schematic = Schematic(
        extensions=tuple(str(name) for name in variant["extensions"]),
        kernel_args=(*board_kernel_args(board), *(str(word) for word in variant.get("kernel_args") or ())),
        overlay=board,
        overlay_image=overlay.image.partition("/")[2].partition("@")[0].rpartition(":")[0] if overlay else "",
    )
    names = [form.format(variant["architecture"]) for form in _FILES]
    return {
        "name": variant["name"],
        "talos_version": version,
        "schematic": schematic.id,
        "text": schematic.text,
        "installer": schematic.installer(version),
        "files": {name: schematic.url(version, name) for name in names},
    }


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"image_factory": image_factory}
