# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_needs
short_description: What the roles of a cluster need of their images and do not get
version_added: 0.1.0
description:
  - Compares what each role needs (extensions, kernel modules, configuration of the extensions' services) with the
    variants of the inventory, before anything is built. Reads files of the inventory only.
author:
  - homelab.talos contributors (@homelab)
positional: _input, sources
options:
  _input:
    description: The cluster, as P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
    required: true
  sources:
    description: Files and directories of the inventory, to say where a variant is written.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse images that lack something
  ansible.builtin.assert:
    that: needs | length == 0
    fail_msg: "{{ [{'findings': needs}] | homelab.talos.finding_lines }}"
  vars:
    definition: "{{ groups | homelab.talos.cluster_definition(hostvars) }}"
    needs: "{{ definition | homelab.talos.image_needs(ansible_inventory_sources) }}"
"""

RETURN = r"""
_value:
  description: Findings with C(id), C(severity), C(host), C(path), C(message) and C(fix).
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.module_utils.rules import image_needs as rules
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.declaration import find_declarations
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DefinitionError


def image_needs(definition: Mapping[str, Any], sources: Sequence[str] = ()) -> list[dict[str, str]]:
    """Return the findings as plain data.

    :raises AnsibleFilterError: the definition cannot be used.
    """
    places = find_declarations([Path(str(source)) for source in sources], "talos_variants")
    try:
        findings = rules.check_definition(definition, places)
    except DefinitionError as error:
        raise AnsibleFilterError(str(error)) from None
    return [finding.to_dict() for finding in findings]


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"image_needs": image_needs}
