# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_problem
short_description: What is wrong with an inventory, as one line
version_added: 0.1.0
description:
  - Judges an inventory as P(homelab.talos.cluster_definition#filter) does, and returns what that would refuse instead
    of failing, so that a playbook can end with exactly this line.
author:
  - homelab.talos contributors (@homelab)
positional: _input, hostvars
options:
  _input:
    description: Ansible's C(groups).
    type: dict
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a wrong inventory
  ansible.builtin.assert:
    that: (groups | homelab.talos.inventory_problem(hostvars)) == ''
    fail_msg: "{{ groups | homelab.talos.inventory_problem(hostvars) }}"
"""

RETURN = r"""
_value:
  description: Host, variable, cause and remedy; empty when nothing is wrong.
  type: str
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.homelab.talos.plugins.filter.cluster_definition import cluster_definition


def inventory_problem(groups: Mapping[str, Any], hostvars: Mapping[str, Any]) -> str:
    """Return what is wrong with an inventory in one line, empty when nothing is.

    :param groups: Ansible's ``groups``.
    :param hostvars: Ansible's ``hostvars``.
    """
    try:
        cluster_definition(groups, hostvars)
    except AnsibleError as error:
        return " ".join(str(error).split())
    return ""


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"inventory_problem": inventory_problem}
