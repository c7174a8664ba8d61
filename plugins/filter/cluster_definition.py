# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_definition
short_description: The cluster that an inventory describes
version_added: 0.1.0
description:
  - Assigns machine type and role to every host from the groups C(controlplane), C(compute) and C(gateway), collects the
    C(talos_*) variables of the hosts, fills in the defaults of flavour and Talos version, and refuses what cannot be
    used.
  - A host in no group, in C(compute) and C(gateway), or in C(controlplane) and C(gateway) is refused by name; so are a
    wrong number of gateways, addresses used twice, overlapping subnets and an endpoint that leads to no control plane.
  - A misspelt C(talos_*) variable that is not needed gives a warning.
author:
  - homelab.talos contributors (@homelab)
positional: _input, hostvars
options:
  _input:
    description: The magic variable C(groups).
    type: dict
    required: true
  hostvars:
    description: The magic variable C(hostvars).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show who is who
  ansible.builtin.debug:
    msg: "{{ item.name }} is a {{ item.machine_type }} in role {{ item.role }}"
  loop: "{{ (groups | homelab.talos.cluster_definition(hostvars)).nodes }}"
"""

RETURN = r"""
_value:
  description: The cluster and its nodes, every default filled in.
  type: dict
  contains:
    cluster:
      description: The keys of C(talos_cluster), and C(provider) and C(variants).
      type: dict
    nodes:
      description:
        - One entry for each host with C(name), C(machine_type) (controlplane, worker), C(role) (compute, gateway),
          C(address), C(network), C(install), C(labels), C(annotations), C(taints), C(extensions),
          C(extension_services), C(patches), C(erase).
        - Control planes come first, then compute hosts, then gateways, each ordered by name.
      type: list
      elements: dict
  sample:
    cluster: {name: homelab, talos_version: v1.13.9}
    nodes:
      - {name: cp1, machine_type: controlplane, role: compute, address: 198.18.10.11}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import errors
from ansible_collections.homelab.talos.plugins.module_utils.rules import cluster as cluster_rules
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import inventory
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError


def cluster_definition(
    groups: Mapping[str, Iterable[str]], hostvars: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the cluster definition of an inventory.

    :param groups: Ansible's ``groups``.
    :param hostvars: Ansible's ``hostvars``.
    :raises AnsibleFilterError: the inventory cannot be used; one line with host, variable, cause and remedy.
    """
    if not isinstance(groups, Mapping) or not isinstance(hostvars, Mapping):
        raise AnsibleFilterError("cluster_definition: use it as groups | homelab.talos.cluster_definition(hostvars)")
    try:
        definition = inventory.cluster_definition(groups, hostvars)
        refused = errors(cluster_rules.check_definition(definition))
    except DefinitionError as error:
        raise AnsibleFilterError(str(error)) from None
    for finding in inventory.unknown_variables([node["name"] for node in definition["nodes"]], hostvars):
        Display().warning(f"host {finding.host}: {finding.message}; {finding.fix}")
    if refused:
        first = refused[0]
        where = f"host {first.host}" if first.host else f"cluster {definition['cluster']['name']}"
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise AnsibleFilterError(
            ": ".join(part for part in (where, first.path, first.message) if part) + f"; {first.fix}{more}"
        )
    return definition


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"cluster_definition": cluster_definition}
