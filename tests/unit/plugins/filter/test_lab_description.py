# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the definition of a cluster to the description of the emulated lab."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter.lab_description import lab_description


def definition(**second: Any) -> dict[str, Any]:
    common = {"machine_type": "worker", "network": {"prefix": 24}, "install": {"disk": "/dev/vda"}}
    nodes = [
        {**common, "name": "cp1", "machine_type": "controlplane", "role": "compute", "address": "198.18.1.11"},
        {**common, "name": "gw1", "role": "gateway", "address": "198.18.1.14", **second},
    ]
    variants = {"compute": {"extensions": ["zfs", "drbd"]}, "gateway": {"extensions": ["tailscale"]}}
    cluster = {
        "name": "home",
        "endpoint": "https://198.18.1.11:6443",
        "talos_version": "v1.13.9",
        "variants": variants,
    }
    return {"cluster": cluster, "nodes": nodes}


def test_nodes_get_the_extensions_of_their_role() -> None:
    assert lab_description(definition()) == {
        "name": "home",
        "subnet": "198.18.1.0/24",
        "talos_version": "v1.13.9",
        "nodes": [
            {"name": "cp1", "address": "198.18.1.11", "extensions": ["drbd", "zfs"]},
            {"name": "gw1", "address": "198.18.1.14", "extensions": ["tailscale"]},
        ],
    }


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"address": "198.18.9.14"}, "gw1 in 198.18.9.0/24"),
        ({"network": {"dhcp": True}}, "the nodes are in several"),
        ({"address": "nowhere"}, "host gw1"),
        ({"colour": "red"}, "host gw1: .*colour: unknown key"),
    ],
)
def test_a_lab_that_cannot_be_is_refused(second: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        lab_description(definition(**second))


def test_a_cluster_without_nodes_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="there are no nodes"):
        lab_description({**definition(), "nodes": []})
