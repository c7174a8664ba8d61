# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_entry
short_description: One image of the list of images
version_added: 0.1.0
description:
  - Turns the result of the module P(homelab.talos.image#module) into an entry of the list that the role
    P(homelab.talos.image#role) leaves, with a line for people that says whether the image was built now, reused or is
    stale.
author:
  - homelab.talos contributors (@homelab)
positional: _input, variant
options:
  _input:
    description: The result of the module.
    type: dict
    required: true
  variant:
    description: The variant, as P(homelab.talos.image_variants#filter) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the image
  ansible.builtin.debug:
    msg: "{{ (built | homelab.talos.image_entry(variant)).line }}"
"""

RETURN = r"""
_value:
  description: >-
    C(name), C(roles), C(key), C(tag), C(state), C(built) (when), C(content) (hash), C(talos_version),
    C(base_installer), C(directory) and C(line).
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any


def image_entry(result: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry; see the documentation of the filter."""
    manifest = result["manifest"]
    entry = {
        "name": variant["name"],
        "roles": list(variant["roles"]),
        "key": result["key"],
        "tag": result["tag"],
        "state": result["state"],
        "built": manifest.get("built", ""),
        "content": manifest.get("content", ""),
        "talos_version": manifest.get("talos_version", ""),
        "base_installer": manifest.get("base_installer", ""),
        "directory": result["directory"],
    }
    return {**entry, "line": f"{entry['key']}: {_state(entry, result['files'])}"}


def _state(entry: Mapping[str, Any], files: list[Mapping[str, Any]]) -> str:
    if entry["state"] in ("built", "cached"):
        when = f"{entry['state']} {entry['built']}" if entry["state"] == "cached" else "built now"
        return f"{when}, content {entry['content'][:12]}"
    reasons = dict.fromkeys(str(file["why"]) for file in files if file["state"] != "cached")
    return f"{entry['state']}: {'; '.join(reasons) or 'it has not been built'}"


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"image_entry": image_entry}
