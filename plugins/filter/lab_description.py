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
positional: _input, images, stale, services, shared_storage
options:
  _input:
    description: The cluster, as P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
    required: true
  images:
    description:
      - Directory of built images. When given, each node stands for the image of its role, and takes the versions of its
        extensions from that image's manifest.
    type: path
    default: ""
  stale:
    description:
      - Whether images may be used that are not of the inventory's Talos version and extensions.
    type: bool
    default: false
  services:
    description:
      - The service nodes of the lab, which start before any node (name, kind, address, and options of the kind).
    type: list
    elements: dict
    default: []
  shared_storage:
    description: Whether the cluster has the storage class C(lab-shared), whose volumes all nodes see.
    type: bool
    default: false
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

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.node_images import NodeImages
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    Cluster,
    DefinitionError,
    Node,
)


def lab_description(
    definition: Mapping[str, Any],
    images: str = "",
    stale: bool = False,
    services: Sequence[Mapping[str, Any]] = (),
    shared_storage: bool = False,
) -> dict[str, Any]:
    """Return the description of the lab for a cluster definition.

    :param definition: ``cluster`` and ``nodes``, as :class:`Cluster` and :class:`Node` read them.
    :param images: directory of built images, empty for none.
    :param stale: whether images may be used that are not what the inventory asks for now.
    :param services: the service nodes, which the lab itself judges.
    :param shared_storage: whether the cluster has the storage class ``lab-shared``.
    :raises AnsibleFilterError: the definition or an image cannot be used, or the nodes are not in one subnet.
    """
    try:
        cluster = Cluster.from_mapping(definition["cluster"])
        nodes = [Node.from_mapping(node) for node in definition["nodes"]]
    except DefinitionError as error:
        raise AnsibleFilterError(str(error)) from None
    if len({node.subnet for node in nodes}) != 1:
        listed = ", ".join(f"{node.name} in {node.subnet}" for node in nodes)
        raise AnsibleFilterError(
            f"the emulated lab has one subnet, but the nodes are in several ({listed or 'there are no nodes'}); "
            "give them addresses of one subnet"
        )
    try:
        parts = NodeImages(cluster, nodes, Path(images), stale) if images else None
    except BuildError as error:
        raise AnsibleFilterError(str(error)) from None
    return {
        "name": cluster.name,
        "subnet": nodes[0].subnet,
        "talos_version": parts.talos_version if parts else cluster.talos_version,
        "nodes": [
            {
                "name": node.name,
                "address": node.address,
                **(parts.of(node) if parts else {"extensions": list(cluster.extensions_of(node))}),
            }
            for node in nodes
        ],
        **({"services": [dict(service) for service in services]} if services else {}),
        **({"shared_storage": True} if shared_storage else {}),
    }


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"lab_description": lab_description}
