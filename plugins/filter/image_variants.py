# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_variants
short_description: The image variants of an inventory, chosen and checked
version_added: 0.1.0
description:
  - Turns C(talos_variants) of an inventory and further variants into what the role P(homelab.talos.image#role) builds.
  - Does not fail. What is wrong is returned as one line, so that a playbook can end with it.
author:
  - homelab.talos contributors (@homelab)
positional: _input, further, select, architecture
options:
  _input:
    description: C(talos_variants) of the inventory, by role.
    type: dict
    required: true
  further:
    description: Variants by name; one of the same name replaces that of the inventory.
    type: dict
    default: {}
  select:
    description: Names of variants, roles or machine types; empty for all.
    type: list
    elements: str
    default: []
  architecture:
    description: Architecture of variants that name none.
    type: str
    choices: [amd64, arm64]
    default: arm64
"""

EXAMPLES = r"""
- name: Show what would be built for control planes
  ansible.builtin.debug:
    msg: "{{ (talos_variants | homelab.talos.image_variants(select=['controlplane'])).variants }}"
"""

RETURN = r"""
_value:
  description: What is to be built.
  type: dict
  contains:
    variants:
      description: The variants, each with the options of the module P(homelab.talos.image#module) and C(key).
      type: list
      elements: dict
    remarks:
      description: One line for each pair of variants that hold the same.
      type: list
      elements: str
    problem:
      description: What is wrong, in one line; empty when nothing is.
      type: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_variants import (
    read_variants,
    select_variants,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError, plain

# Of a variant of the inventory; the reference of an installer is about installing, not about building.
_NOT_BUILT = ("installer_image",)


def image_variants(
    declared: Mapping[str, Any],
    further: Mapping[str, Any] | None = None,
    select: Sequence[str] = (),
    architecture: str = "arm64",
) -> dict[str, Any]:
    """Return ``variants``, ``remarks`` and ``problem``; see the documentation of the filter."""
    try:
        items = [_item(name, content, architecture) for name, content in {**declared, **(further or {})}.items()]
        variants, remarks = read_variants(items)
        chosen = select_variants(variants, [str(word) for word in select])
    except (BuildError, DefinitionError) as error:
        return {"variants": [], "remarks": [], "problem": " ".join(str(error).split())}
    return {
        "variants": [{**variant.to_mapping(), "key": variant.image.key} for variant in chosen],
        "remarks": remarks,
        "problem": "" if chosen else "there is no variant to build: declare talos_variants",
    }


def _item(name: str, content: Any, architecture: str) -> Any:
    if not isinstance(content, Mapping):
        raise DefinitionError(f"variant {name}", "", "expected a mapping", "give it extensions: [...]")
    kept = {key: value for key, value in plain(content).items() if key not in _NOT_BUILT}
    return {"architecture": architecture, **kept, "name": str(name)}


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"image_variants": image_variants}
