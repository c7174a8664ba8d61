# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategic merge follows Talos' rules, and its laws where they hold."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.merge import (
    MergeError,
    merge,
    parse_patch,
)
from ansible_collections.homelab.talos.tests.support import definitions


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    return merge([base], [patch])[0]


def document(kind: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **body}


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [
        # values
        ({"machine": {"type": "worker"}}, {"machine": {"type": "controlplane"}}, {"machine": {"type": "controlplane"}}),
        ({"machine": {"type": "worker"}}, {"machine": {"type": ""}}, {"machine": {"type": "worker"}}),
        ({"machine": {"type": "worker"}}, {"machine": {"type": None}}, {"machine": {"type": "worker"}}),
        (
            {"machine": {"install": {"wipe": True}}},
            {"machine": {"install": {"wipe": False}}},
            {"machine": {"install": {"wipe": False}}},
        ),
        ({"machine": {}}, {"machine": {"token": "x"}}, {"machine": {"token": "x"}}),
        ({"machine": None}, {"machine": {"token": "x"}}, {"machine": {"token": "x"}}),
        # lists append
        ({"machine": {"certSANs": ["a"]}}, {"machine": {"certSANs": ["b"]}}, {"machine": {"certSANs": ["a", "b"]}}),
        ({"machine": {"certSANs": ["a"]}}, {"machine": {"certSANs": []}}, {"machine": {"certSANs": ["a"]}}),
        # lists that are replaced
        (
            {"cluster": {"network": {"podSubnets": ["10.1.0.0/16"]}}},
            {"cluster": {"network": {"podSubnets": ["10.2.0.0/16"]}}},
            {"cluster": {"network": {"podSubnets": ["10.2.0.0/16"]}}},
        ),
        (
            {"cluster": {"apiServer": {"auditPolicy": {"a": 1}}}},
            {"cluster": {"apiServer": {"auditPolicy": {"b": 2}}}},
            {"cluster": {"apiServer": {"auditPolicy": {"b": 2}}}},
        ),
        (
            document("NetworkRuleConfig", name="r", portSelector={"ports": [1]}, ingress=[{"subnet": "10.0.0.0/8"}]),
            document("NetworkRuleConfig", name="r", portSelector={"ports": [2]}),
            document("NetworkRuleConfig", name="r", portSelector={"ports": [2]}, ingress=[{"subnet": "10.0.0.0/8"}]),
        ),
        # lists with a key
        (
            {"machine": {"network": {"interfaces": [{"interface": "eth0", "addresses": ["a"], "mtu": 1500}]}}},
            {
                "machine": {
                    "network": {"interfaces": [{"interface": "eth0", "addresses": ["b"]}, {"interface": "eth1"}]}
                }
            },
            {
                "machine": {
                    "network": {
                        "interfaces": [
                            {"interface": "eth0", "addresses": ["a", "b"], "mtu": 1500},
                            {"interface": "eth1"},
                        ]
                    }
                }
            },
        ),
        (
            {"machine": {"network": {"interfaces": [{"deviceSelector": {"driver": "x"}, "dhcp": True}]}}},
            {"machine": {"network": {"interfaces": [{"deviceSelector": {"driver": "x"}, "dhcp": False}]}}},
            {"machine": {"network": {"interfaces": [{"deviceSelector": {"driver": "x"}, "dhcp": False}]}}},
        ),
        (
            {"machine": {"network": {"interfaces": [{"interface": "e", "vlans": [{"vlanId": 5, "mtu": 1}]}]}}},
            {
                "machine": {
                    "network": {"interfaces": [{"interface": "e", "vlans": [{"vlanId": 5, "mtu": 2}, {"vlanId": 6}]}]}
                }
            },
            {
                "machine": {
                    "network": {"interfaces": [{"interface": "e", "vlans": [{"vlanId": 5, "mtu": 2}, {"vlanId": 6}]}]}
                }
            },
        ),
        (
            {"cluster": {"apiServer": {"admissionControl": [{"name": "PodSecurity", "configuration": {"a": 1}}]}}},
            {"cluster": {"apiServer": {"admissionControl": [{"name": "PodSecurity", "configuration": {"b": 2}}]}}},
            {
                "cluster": {
                    "apiServer": {"admissionControl": [{"name": "PodSecurity", "configuration": {"a": 1, "b": 2}}]}
                }
            },
        ),
        (
            document(
                "ExtensionServiceConfig",
                name="x",
                configFiles=[{"mountPath": "/a", "content": "1"}],
                environment=["A=1"],
            ),
            document(
                "ExtensionServiceConfig",
                name="x",
                configFiles=[{"mountPath": "/a", "content": "2"}],
                environment=["B=2"],
            ),
            document(
                "ExtensionServiceConfig",
                name="x",
                configFiles=[{"mountPath": "/a", "content": "2"}],
                environment=["A=1", "B=2"],
            ),
        ),
        # arguments are taken as a whole
        (
            {"cluster": {"apiServer": {"extraArgs": {"a": "1", "b": ["2"]}}}},
            {"cluster": {"apiServer": {"extraArgs": {"a": ["3", "4"], "b": "5"}}}},
            {"cluster": {"apiServer": {"extraArgs": {"a": ["3", "4"], "b": "5"}}}},
        ),
        # deletion
        (
            {"cluster": {"apiServer": {"admissionControl": [{"name": "PodSecurity"}], "image": "x"}}},
            {"cluster": {"apiServer": {"admissionControl": {"$patch": "delete"}}}},
            {"cluster": {"apiServer": {"image": "x"}}},
        ),
        (
            {"machine": {"nodeLabels": {"a": "1", "b": "2"}}},
            {"machine": {"nodeLabels": {"a": {"$patch": "delete"}}}},
            {"machine": {"nodeLabels": {"b": "2"}}},
        ),
        (
            {"machine": {"network": {"interfaces": [{"interface": "eth0"}, {"interface": "eth1"}]}}},
            {"machine": {"network": {"interfaces": [{"interface": "eth0", "$patch": "delete"}]}}},
            {"machine": {"network": {"interfaces": [{"interface": "eth1"}]}}},
        ),
    ],
)
def test_the_rules(base: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy((base, patch))
    assert merged(base, patch) == expected
    assert (base, patch) == before


def test_documents_meet_by_kind_and_name() -> None:
    base = [{"machine": {}}, document("LinkConfig", name="eth0", up=True)]
    patch = [document("LinkConfig", name="eth1"), document("LinkConfig", name="eth0", mtu=1400)]
    assert merge(base, patch) == [
        {"machine": {}},
        document("LinkConfig", name="eth0", up=True, mtu=1400),
        document("LinkConfig", name="eth1"),
    ]


def test_a_document_is_deleted_and_a_missing_one_is_no_error() -> None:
    base = [{"machine": {}}, document("HostnameConfig", hostname="a")]
    deletion = {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "$patch": "delete"}
    assert merge(base, [deletion]) == [{"machine": {}}]
    assert merge(merge(base, [deletion]), [deletion]) == [{"machine": {}}]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"machine": "x"}, "v1alpha1.Config: machine: the patch has a value where the configuration has a mapping"),
        (
            {"machine": {"certSANs": {"a": 1}}},
            "machine.certSANs: the patch has a mapping where the configuration has a list",
        ),
        ({"machine": {"type": ["x"]}}, "machine.type: the patch has a list where the configuration has a value"),
        (
            {"machine": {"certSANs": False}},
            "machine.certSANs: the patch has a value where the configuration has a list",
        ),
        ({"machine": {"time": {"$patch": "delete"}}}, "machine.time: lookup failed"),
        ({"machine": {"files": [{"path": "/x", "$patch": "delete"}]}}, "machine.files[path=/x]: lookup failed"),
        ({"machine": {"files": [{"$patch": "delete"}]}}, "needs a key that selects it"),
        ({"$patch": "delete"}, "can't delete the root of the legacy document"),
        ({"apiVersion": "v1alpha1", "kind": "X", "$patch": "replace"}, "unknown $patch directive"),
        ({"kind": "LinkConfig"}, "LinkConfig: missing apiVersion"),
        ({"apiVersion": "v1alpha1"}, "missing kind"),
    ],
)
def test_patches_that_do_not_fit(patch: dict[str, Any], message: str) -> None:
    base = {"machine": {"type": "worker", "certSANs": ["a"], "files": [{"path": "/y"}]}}
    with pytest.raises(MergeError) as error:
        merged(base, patch)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("patch", ["", "  \n", "[]", "- op: add\n  path: /x\n", None, 5])
def test_json_patches_and_empty_ones_are_refused(patch: Any) -> None:
    with pytest.raises(MergeError, match="JSON6902 patches are not supported for multi-document"):
        parse_patch(patch)


# Trees without lists, in which every value has one type per key: patches of this kind obey the laws.
LEAVES = st.dictionaries(st.sampled_from("abc"), st.text("xyz", min_size=1) | st.booleans(), max_size=3)
TREES = st.dictionaries(st.sampled_from("DEF"), st.dictionaries(st.sampled_from("GHI"), LEAVES, max_size=3), max_size=3)


@given(TREES, TREES)
def test_a_patch_without_lists_changes_nothing_the_second_time(base: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merged(base, patch)
    assert merged(once, patch) == once


@given(TREES, TREES, TREES)
def test_merging_is_associative_without_lists(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(st.lists(st.text("ab"), max_size=3), st.lists(st.text("ab"), max_size=3), st.lists(st.text("ab"), max_size=3))
def test_merging_of_lists_is_associative(one: list[str], two: list[str], three: list[str]) -> None:
    trees = [{"machine": {"certSANs": names}} for names in (one, two, three)]
    left = merged(merged(trees[0], trees[1]), trees[2])
    assert left == merged(trees[0], merged(trees[1], trees[2])) == {"machine": {"certSANs": one + two + three}}


@given(TREES)
def test_an_empty_patch_changes_nothing(base: dict[str, Any]) -> None:
    assert merged(base, {}) == base
    assert merge([base], []) == [base]


@pytest.mark.parametrize("sample", ["cp1", "node1", "gw1"])
def test_a_configuration_takes_itself_as_patch_where_it_has_no_lists(sample: str) -> None:
    config = definitions.config(sample)
    section = {"machine": {"nodeLabels": config.value("machine", "nodeLabels"), "type": config.machine_type}}
    assert merge(config.documents, [section]) == config.documents
