# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter turns every refusal into one line of Ansible's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter import cluster_definition as plugin
from ansible_collections.homelab.talos.tests.support import definitions

GROUPS: dict[str, list[str]] = {"all": ["cp1", "gw1"], "controlplane": ["cp1"], "compute": [], "gateway": ["gw1"]}


def hostvars(**changes: Any) -> dict[str, dict[str, Any]]:
    talos_cluster = {key: value for key, value in definitions.CLUSTER.items() if key != "variants"}
    variables = {
        "talos_cluster": {**talos_cluster, **changes},
        "talos_variants": definitions.CLUSTER["variants"],
        "talos_install": {"disk": "/dev/vda"},
        "talos_network": definitions.NETWORK,
    }
    return {
        "cp1": {**variables, "talos_address": "198.18.1.11"},
        "gw1": {**variables, "talos_address": "198.18.1.14"},
    }


def test_it_is_registered() -> None:
    assert plugin.FilterModule().filters() == {"cluster_definition": plugin.cluster_definition}


def test_a_good_inventory() -> None:
    definition = plugin.cluster_definition(GROUPS, hostvars())
    assert [node["name"] for node in definition["nodes"]] == ["cp1", "gw1"]


@pytest.mark.parametrize(
    ("groups", "changes", "message"),
    [
        ({"compute": ["gw1"]}, {}, "host gw1: has two roles: it is in the groups compute and gateway; leave it in one"),
        (
            {},
            {"gateways": 0},
            "cluster garage: talos_cluster.gateways: gateway hosts in the inventory: 1 (gw1), declared: 0; "
            "correct the group gateway or talos_cluster.gateways",
        ),
        ({}, {"talos_version": "v2.0.0"}, "cluster garage: talos_cluster.talos_version: Talos v2.0.0 is unknown"),
        ({}, {"gateways": 3, "endpoint": "https://198.18.1.14:6443"}, "(and 1 more)"),
    ],
)
def test_a_refusal_is_one_line(groups: dict[str, list[str]], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        plugin.cluster_definition({**GROUPS, **groups}, hostvars(**changes))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_error_about_a_host_names_it() -> None:
    names = hostvars()
    names["gw1"]["talos_address"] = "198.18.1.11"
    with pytest.raises(
        AnsibleFilterError, match="^host gw1: talos_address: address 198.18.1.11 is also that of host cp1"
    ):
        plugin.cluster_definition(GROUPS, names)


def test_wrong_use() -> None:
    with pytest.raises(AnsibleFilterError, match="use it as groups"):
        plugin.cluster_definition(["cp1"], hostvars())  # type: ignore[arg-type]


def test_a_misspelt_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(plugin.Display, "warning", lambda self, text: warnings.append(text))
    names = hostvars()
    names["gw1"]["talos_patchs"] = []
    plugin.cluster_definition(GROUPS, names)
    assert warnings == ['host gw1: variable talos_patchs is not used; did you mean "talos_patches"?']
