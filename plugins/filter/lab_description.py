# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_description
short_description: What the emulated lab is started from
version_added: 0.1.0
description:
  - Turns the definition of a cluster into the description that C(lab up) reads (name, subnet, Talos version, nodes with
    their addresses and the extensions of their image).
author:
  - homelab.talos contributors (@homelab)
positional: _input
options:
  _input:
    description: The cluster, as P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Describe the lab
  ansible.builtin.copy:
    content: "{{ groups | homelab.talos.cluster_definition(hostvars) | homelab.talos.lab_description | to_nice_json }}"
    dest: lab.json
    mode: "0600"
"""

RETURN = r"""
_value:
  description: The description of the lab.
  type: dict
  sample:
    name: mixed-role
    subnet: 198.18.1.0/24
    talos_version: v1.13.9
    nodes:
      - name: cp1
        address: 198.18.1.11
        extensions: [drbd, spin, zfs]
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_interface
from typing import Any

from ansible.errors import AnsibleFilterError


def lab_description(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of the lab for a cluster definition.

    :param definition: ``cluster`` (``name``, ``talos_version``) and ``nodes`` (``name``, ``address``,
        ``network.prefix`` in bits, ``extensions``).
    :raises AnsibleFilterError: when the nodes are not in one subnet; the message names them.
    """
    nodes = definition["nodes"]
    subnets = {node["name"]: _subnet(node) for node in nodes}
    if len(set(subnets.values())) != 1:
        listed = ", ".join(f"{name} in {subnet}" for name, subnet in sorted(subnets.items()))
        raise AnsibleFilterError(
            f"the emulated lab has one subnet, but the nodes are in several ({listed or 'there are no nodes'}); "
            "give them addresses of one subnet"
        )
    return {
        "name": str(definition["cluster"]["name"]),
        "subnet": next(iter(subnets.values())),
        "talos_version": str(definition["cluster"]["talos_version"]),
        "nodes": [
            {
                "name": str(node["name"]),
                "address": str(node["address"]),
                "extensions": sorted(str(extension) for extension in node.get("extensions") or ()),
            }
            for node in nodes
        ],
    }


def _subnet(node: Mapping[str, Any]) -> str:
    prefix = (node.get("network") or {}).get("prefix")
    if prefix is None:
        raise AnsibleFilterError(
            f"{node['name']}: talos_network has no prefix, so its place in the emulated lab is unknown; "
            "set prefix, such as 24"
        )
    try:
        return str(ip_interface(f"{node['address']}/{prefix}").network)
    except ValueError as error:
        raise AnsibleFilterError(
            f"{node['name']}: {node['address']}/{prefix} is no address with prefix ({error}); correct talos_address"
        ) from error


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"lab_description": lab_description}
