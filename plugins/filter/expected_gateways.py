# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: expected_gateways
short_description: The gateways of a cluster as devices of a tailnet
version_added: 0.1.0
description:
  - Returns each gateway that takes part in a tailnet with the name it has there and the networks it shall advertise.
author:
  - homelab.talos contributors (@homelab)
positional: _input
options:
  _input:
    description: The cluster and its nodes, as the filter P(homelab.talos.cluster_definition#filter) returns it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what the gateways shall advertise
  ansible.builtin.debug:
    msg: "{{ groups | homelab.talos.cluster_definition(hostvars) | homelab.talos.expected_gateways }}"
"""

RETURN = r"""
_value:
  description: One entry for each gateway, with C(host), C(hostname), C(routes) and C(tags).
  type: list
  elements: dict
  sample:
    - {host: gw1, hostname: gw1, routes: [10.96.0.0/12, 10.244.0.0/16], tags: ["tag:k8s"]}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.expected import expected_gateways as expected
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError


def expected_gateways(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the gateways of a cluster definition.

    :raises AnsibleFilterError: it cannot be used; one line.
    """
    try:
        nodes = {node.name: node for node in (Node.from_mapping(item) for item in definition["nodes"])}
        found = expected(Cluster.from_mapping(definition["cluster"]), nodes.values())
    except (DefinitionError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"expected_gateways: {error}") from None
    tags = {name: list(node.tailnet.tags) if node.tailnet else [] for name, node in nodes.items()}
    return [
        {"host": each.host, "hostname": each.hostname, "routes": list(each.routes), "tags": tags[each.host]}
        for each in found
    ]


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"expected_gateways": expected_gateways}
