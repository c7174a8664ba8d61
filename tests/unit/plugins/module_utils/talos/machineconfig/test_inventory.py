# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups decide who is what; every host without a clear role is refused by name."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.inventory import (
    GROUPS,
    cluster_definition,
    role_of,
    unknown_variables,
)
from ansible_collections.homelab.talos.tests.support import definitions

GROUPS_OF_HOSTS = {
    "all": ["gw1", "node1", "cp1"],
    "ungrouped": [],
    "controlplane": ["cp1"],
    "compute": ["node1"],
    "gateway": ["gw1"],
}
ADDRESSES = {"cp1": "198.18.1.11", "node1": "198.18.1.12", "gw1": "198.18.1.14"}


def hostvars(**changes: Any) -> dict[str, dict[str, Any]]:
    """Return the variables of the sample hosts; ``changes`` go to all of them."""
    talos_cluster = {key: value for key, value in definitions.CLUSTER.items() if key != "variants"}
    return {
        name: {
            "ansible_connection": "local",
            "talos_address": address,
            "talos_cluster": copy.deepcopy(talos_cluster),
            "talos_variants": copy.deepcopy(definitions.CLUSTER["variants"]),
            "talos_install": {"disk": "/dev/vda"},
            "talos_network": copy.deepcopy(definitions.NETWORK),
            "talos_provider": "emulated",
            **copy.deepcopy(changes),
        }
        for name, address in ADDRESSES.items()
    }


def groups(**changes: Any) -> dict[str, list[str]]:
    return {**copy.deepcopy(GROUPS_OF_HOSTS), **changes}


def test_every_host_gets_machine_type_role_and_extensions() -> None:
    definition = cluster_definition(groups(), hostvars())
    assert [(node["name"], node["machine_type"], node["role"]) for node in definition["nodes"]] == [
        ("cp1", "controlplane", "compute"),
        ("node1", "worker", "compute"),
        ("gw1", "worker", "gateway"),
    ]
    assert definition["nodes"][2]["extensions"] == ["drbd", "spin", "tailscale", "zfs"]
    assert definition["cluster"]["provider"] == "emulated"
    assert definition["cluster"]["pod_subnets"] == ["10.244.0.0/16"]


def test_the_result_is_accepted_by_the_library() -> None:
    definition = cluster_definition(groups(), hostvars())
    assert Cluster.from_mapping(definition["cluster"]).name == "garage"
    assert [Node.from_mapping(node).address for node in definition["nodes"]] == list(ADDRESSES.values())


def test_a_control_plane_may_be_named_in_compute_too() -> None:
    definition = cluster_definition(groups(compute=["cp1", "node1"]), hostvars())
    assert definition["nodes"][0]["machine_type"] == "controlplane"
    assert definition["nodes"][0]["role"] == "compute"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compute": []}, "host node1: has no role; put it into one of the groups controlplane, compute, gateway"),
        ({"compute": ["node1", "gw1"]}, "host gw1: has two roles: it is in the groups compute and gateway"),
        ({"controlplane": ["cp1", "gw1"]}, "host gw1: has two roles: it is in the groups controlplane and gateway"),
    ],
)
def test_hosts_without_a_clear_role(change: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DefinitionError) as error:
        cluster_definition(groups(**change), hostvars())
    assert str(error.value).startswith(message)


def test_an_empty_inventory() -> None:
    with pytest.raises(DefinitionError, match="inventory: has no host"):
        cluster_definition({"all": ["localhost"]}, {"localhost": {}})


def test_localhost_is_not_a_node() -> None:
    names = {**hostvars(), "localhost": {}}
    assert len(cluster_definition(groups(all=[*GROUPS_OF_HOSTS["all"], "localhost"]), names)["nodes"]) == 3


def test_a_missing_address_names_the_host_and_the_misspelt_variable() -> None:
    names = hostvars()
    names["node1"]["talos_adress"] = names["node1"].pop("talos_address")
    with pytest.raises(DefinitionError) as error:
        cluster_definition(groups(), names)
    message = 'host node1: talos_address: is required; found "talos_adress", did you mean "talos_address"?'
    assert str(error.value) == message


def test_a_missing_cluster() -> None:
    names = hostvars()
    for variables in names.values():
        del variables["talos_cluster"]
    with pytest.raises(DefinitionError, match="talos_cluster: is required; add it to the inventory"):
        cluster_definition(groups(), names)
    for variables in names.values():
        variables["talos_cluster"] = ["a"]
    with pytest.raises(DefinitionError, match="talos_cluster: expected a mapping, got a list"):
        cluster_definition(groups(), names)


@pytest.mark.parametrize("variable", ["talos_cluster", "talos_provider", "talos_variants"])
def test_cluster_variables_must_not_differ(variable: str) -> None:
    names = hostvars()
    names["node1"][variable] = "other"
    with pytest.raises(DefinitionError, match=f"host (gw1|node1): {variable}: differs from that of host"):
        cluster_definition(groups(), names)


def test_unknown_versions_and_misspelt_keys_are_refused() -> None:
    names = hostvars()
    for variables in names.values():
        variables["talos_cluster"]["talos_version"] = "v1.8.0"
    with pytest.raises(DefinitionError, match=r"known lines are v1\.12, v1\.13, v1\.14"):
        cluster_definition(groups(), names)
    names = hostvars()
    names["gw1"]["talos_network"]["gatewy"] = "x"
    with pytest.raises(DefinitionError, match='host gw1: talos_network.gatewy: unknown key; did you mean "gateway"'):
        cluster_definition(groups(), names)


def test_misspelt_variables_are_found() -> None:
    names = hostvars(talos_lables={"a": "b"}, talos_own_thing=1)
    findings = unknown_variables(list(names), names)
    assert [(finding.path, finding.fix, finding.severity) for finding in findings] == [
        ("talos_lables", 'did you mean "talos_labels"?', "warning")
    ]
    assert unknown_variables(list(ADDRESSES), hostvars()) == []


@given(st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from(["a", "b", "c"]), unique=True)))
def test_every_host_has_one_role_or_is_refused(members: dict[str, list[str]]) -> None:
    for host in "abc":
        inside = [group for group in GROUPS if host in members.get(group, [])]
        legal = inside in (["controlplane"], ["compute"], ["controlplane", "compute"], ["gateway"])
        if legal:
            machine_type, role = role_of(host, members)
            assert (machine_type == "controlplane") == ("controlplane" in inside)
            assert (role == "gateway") == (inside == ["gateway"])
        else:
            with pytest.raises(DefinitionError, match=f"host {host}: has (no role|two roles)"):
                role_of(host, members)
