# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule about a cluster has an inventory that breaks it, and one that does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.rules import cluster as rules
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Node
from ansible_collections.homelab.talos.tests.support import definitions

CP2 = {"machine_type": "controlplane", "role": "compute", "name": "cp2", "address": "198.18.1.15"}
GW2 = {"name": "gw2", "address": "198.18.1.16"}


def nodes(*extra: Node, without: tuple[str, ...] = ()) -> list[Node]:
    return [definitions.node(name) for name in ("cp1", "node1", "gw1") if name not in without] + list(extra)


def ids(hosts: list[Node], **changes: Any) -> list[str]:
    return [finding.id for finding in rules.check(definitions.cluster(**changes), hosts)]


def test_the_sample_is_clean() -> None:
    assert ids(nodes()) == []
    data = [definitions.node_data(name) for name in ("cp1", "node1", "gw1")]
    assert rules.check_definition({"cluster": copy.deepcopy(definitions.CLUSTER), "nodes": data}) == []


@pytest.mark.parametrize(
    ("rule", "hosts", "changes"),
    [
        ("cluster.gateways", nodes(definitions.node("gw1", **GW2)), {}),
        ("cluster.gateways", nodes(without=("gw1",)), {}),
        ("cluster.gateways", nodes(), {"gateways": 0}),
        ("cluster.no-controlplane", nodes(without=("cp1",)), {"endpoint": "https://k8s.example:6443"}),
        ("cluster.even-controlplanes", nodes(definitions.node("cp1", **CP2)), {}),
        ("cluster.duplicate-name", nodes(definitions.node("node1", address="198.18.1.30")), {}),
        ("cluster.duplicate-address", nodes(definitions.node("node1", name="node2")), {}),
        (
            "cluster.address-outside-network",
            nodes(definitions.node("node1", name="n2", address="198.18.2.2")),
            {},
        ),
        ("cluster.gateway-address", nodes(definitions.node("node1", name="n2", address="198.18.1.1")), {}),
        ("cluster.subnet-overlap", nodes(), {"pod_subnets": ["10.96.0.0/16"]}),
        ("cluster.subnet-overlap", nodes(), {"pod_subnets": ["198.18.0.0/16"]}),
        ("cluster.subnet-overlap", nodes(), {"join_subnet": "10.244.0.0/24"}),
        ("cluster.subnet-family", nodes(), {"pod_subnets": ["10.244.0.0/16", "fd00::/56"]}),
        ("cluster.subnet-family", nodes(), {"pod_subnets": ["10.1.0.0/16", "10.2.0.0/16"]}),
        ("cluster.join-tailnet", nodes(), {"flavour": "cozystack"}),
        ("cluster.tailnet-overlap", nodes(), {"pod_subnets": ["100.64.0.0/16"]}),
        ("cluster.tailnet-overlap", nodes(), {"service_subnets": ["100.0.0.0/8"]}),
        (
            "cluster.tailnet-overlap",
            nodes(),
            {
                "pod_subnets": ["10.244.0.0/16", "fd7a:115c:a1e0:1::/64"],
                "service_subnets": ["10.96.0.0/12", "fd00::/112"],
            },
        ),
        ("cluster.tailnet-overlap", nodes(definitions.node("node1", name="n2", address="100.64.1.2")), {}),
        ("cluster.gateway-failover", nodes(definitions.node("gw1", **GW2)), {"gateways": 2}),
        ("cluster.gateway-failover", nodes(), {"gateway_failover": True}),
        ("cluster.endpoint", nodes(), {"endpoint": "https://198.18.1.14:6443"}),
        ("cluster.endpoint", nodes(), {"endpoint": "https://198.18.1.99:6443"}),
        ("cluster.vip", nodes(), {"vip": "198.18.1.12"}),
        ("cluster.vip", nodes(), {"vip": "198.18.2.9"}),
        ("cluster.kubernetes-version", nodes(), {"kubernetes_version": "v1.37.0"}),
    ],
)
def test_a_broken_inventory(rule: str, hosts: list[Node], changes: dict[str, Any]) -> None:
    findings = rules.check(definitions.cluster(**changes), hosts)
    assert rule in [finding.id for finding in findings]
    for finding in findings:
        assert finding.message
        assert finding.fix
        assert "\n" not in str(finding)


@pytest.mark.parametrize(
    ("hosts", "changes"),
    [
        (nodes(without=("gw1",)), {"gateways": 0}),
        (
            nodes(
                definitions.node("cp1", **CP2),
                definitions.node("cp1", **{**CP2, "name": "cp3", "address": "198.18.1.17"}),
            ),
            {},
        ),
        (nodes(), {"flavour": "cozystack", "join_subnet": "10.200.0.0/16"}),
        (nodes(without=("gw1",)), {"flavour": "cozystack", "gateways": 0}),
        (nodes(definitions.node("gw1", **GW2)), {"gateways": 2, "gateway_failover": True}),
        (nodes(without=("gw1",)), {"gateways": 0, "pod_subnets": ["100.64.0.0/16"]}),
        (nodes(), {"vip": "198.18.1.9", "endpoint": "https://198.18.1.9:6443"}),
        (
            nodes(),
            {"pod_subnets": ["10.244.0.0/16", "fd00:1::/56"], "service_subnets": ["10.96.0.0/12", "fd00:2::/112"]},
        ),
        (nodes(definitions.node("node1", name="n2", address="198.18.2.2", network={"dhcp": True})), {}),
    ],
)
def test_an_inventory_that_looks_like_it_but_is_fine(hosts: list[Node], changes: dict[str, Any]) -> None:
    assert ids(hosts, **changes) == []


def test_an_endpoint_that_is_a_name_is_only_mentioned() -> None:
    findings = rules.check(definitions.cluster(endpoint="https://k8s.example:6443"), nodes())
    assert [(finding.id, finding.severity) for finding in findings] == [("cluster.endpoint", "info")]


def test_messages_name_what_is_wrong() -> None:
    findings = rules.check(definitions.cluster(endpoint="https://198.18.1.14:6443"), nodes())
    assert "host gw1, which is a worker" in findings[0].message
    findings = rules.check(definitions.cluster(), nodes(definitions.node("node1", name="node2")))
    assert (findings[0].host, findings[0].message) == ("node2", "address 198.18.1.12 is also that of host node1")
