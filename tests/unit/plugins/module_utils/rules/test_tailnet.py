# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule about the gateway's part in the tailnet has a configuration that breaks it, and ones that do not."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import tailnet as rules
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.service_environment import read_environment
from ansible_collections.homelab.talos.tests.support import definitions

NOON = datetime.datetime(2026, 7, 1, 12, tzinfo=datetime.UTC)
FORWARDING = {"machine": {"sysctls": {"net.ipv6.conf.all.forwarding": "1"}}}


def declared(cluster: dict[str, Any] | None = None, patches: Any = (), **tailnet: Any) -> list[Finding]:
    """Return what the rules say about a gateway with that ``talos_tailnet``."""
    changes = {"extension_services": [], "tailnet": {"auth_key": "tskey-auth-x", **tailnet}, "patches": list(patches)}
    node = definitions.node("gw1", **changes)
    return rules.check(definitions.cluster(**(cluster or {})), node, definitions.config("gw1", cluster, **changes))


def written(*environment: str) -> list[Finding]:
    """Return what the rules say about a gateway whose service was written out."""
    services = [{"name": "tailscale", "environment": ["TS_ROUTES=10.96.0.0/12,10.244.0.0/16", *environment]}]
    node = definitions.node("gw1", extension_services=services)
    return rules.check(definitions.cluster(), node, definitions.config("gw1", extension_services=services))


def ids(findings: list[Finding]) -> list[str]:
    """Return the ids of findings, each of which is one line for an operator."""
    for finding in findings:
        assert finding.host == "gw1"
        assert finding.fix
        assert "\n" not in str(finding)
    return [finding.id.removeprefix("tailnet.") for finding in findings]


def test_what_the_collection_writes_is_clean() -> None:
    assert declared() == []
    assert declared(login_server="https://hs.example:8443", tags=["tag:k8s"]) == []
    assert declared(advertise=["services", "pods", "lan"]) == []
    assert declared(advertise=[]) == []
    assert written() == []


def test_a_node_without_the_service_is_not_judged() -> None:
    assert rules.check(definitions.cluster(), definitions.node("node1"), definitions.config("node1")) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (["TS_ROUTES="], ["cluster-route", "cluster-route"]),
        (["TS_ROUTES=10.0.0.0/8"], []),
        (["TS_ROUTES=10.96.0.0/12"], ["cluster-route"]),
        (["TS_ROUTES=10.96.0.0/16,10.244.0.0/16"], ["cluster-route"]),
        (["TS_ROUTES=10.96.0.0/12, 10.244.0.0/16"], []),
        (["TS_ROUTES=10.96.0.0/12", "TS_EXTRA_ARGS=--advertise-routes=10.244.0.0/16"], []),
        (["TS_ROUTES=10.96.0.0/12", "TS_EXTRA_ARGS=-advertise-routes 10.244.0.0/16"], []),
        (["TS_EXTRA_ARGS=--advertise-routes=10.7.0.1/16"], ["route-host-bits"]),
        (["TS_EXTRA_ARGS=--advertise-routes=10.7.0.0"], ["route-syntax"]),
        (["TS_EXTRA_ARGS=--advertise-routes=198.18.1.0/24"], ["route-own-network"]),
        (["TS_EXTRA_ARGS=--advertise-routes=198.18.1.14/32"], ["route-own-network"]),
        (["TS_EXTRA_ARGS=--advertise-routes=fd7a:115c:a1e0::/64"], ["route-in-tailnet", "ipv6-forwarding"]),
        (["TS_EXTRA_ARGS=--accept-routes"], ["accept-routes"]),
        (["TS_EXTRA_ARGS=--accept-routes=false"], []),
        (["TS_EXTRA_ARGS=--accept-dns"], ["accept-dns"]),
        (["TS_ACCEPT_DNS=True"], ["accept-dns"]),
        (["TS_ACCEPT_DNS=false"], []),
        (["TS_EXTRA_ARGS=--snat-subnet-routes=false"], ["no-snat"]),
        (["TS_EXTRA_ARGS=--snat-subnet-routes"], []),
        (["TS_EXTRA_ARGS='"], ["arguments"]),
        (["TS_USERSPACE=true"], ["userspace"]),
        (["TS_USERSPACE=true", "TS_USERSPACE=false"], []),
        (["TS_STATE_DIR=/var/lib/tailscale/gw1"], []),
        (["TS_STATE_DIR=/var/lib/tailscale-of-mine"], ["state"]),
        (["TS_STATE_DIR="], ["state"]),
        (["TS_KUBE_SECRET=tailscale"], ["state"]),
        (["TS_AUTHKEY=tskey-auth-x"], ["auth-once"]),
        (["TS_AUTHKEY=tskey-auth-x", "TS_AUTH_ONCE=true"], []),
        (["TS_AUTHKEY=tskey-api-x", "TS_AUTH_ONCE=true"], ["key-kind"]),
        (["TS_AUTH_KEY=tskey-client-x", "TS_AUTH_ONCE=1"], ["key-ephemeral", "key-untagged"]),
        (
            ["TS_AUTHKEY=tskey-client-x?ephemeral=true", "TS_AUTH_ONCE=true", "TS_EXTRA_ARGS=--advertise-tags=tag:a"],
            ["key-ephemeral"],
        ),
        (
            [
                "TS_AUTHKEY=tskey-client-x?preauthorized=true&ephemeral=false",
                "TS_AUTH_ONCE=true",
                "TS_EXTRA_ARGS=--advertise-tags=tag:a",
            ],
            [],
        ),
        (
            [
                "TS_AUTHKEY=hskey-auth-x",
                "TS_AUTH_ONCE=true",
                "TS_EXTRA_ARGS=--login-server=https://hs --advertise-tags=tag:a",
            ],
            ["advertise-tags"],
        ),
        (["TS_AUTHKEY=tskey-auth-x", "TS_AUTH_ONCE=true", "TS_EXTRA_ARGS=--advertise-tags=tag:a"], []),
    ],
)
def test_a_service_that_was_written_out(environment: list[str], expected: list[str]) -> None:
    assert ids(written(*environment)) == expected


def test_an_ipv6_network_needs_forwarding() -> None:
    dual = {"pod_subnets": ["10.244.0.0/16", "fd00:1::/56"], "service_subnets": ["10.96.0.0/12", "fd00:2::/112"]}
    assert ids(declared(dual)) == ["ipv6-forwarding"]
    assert ids(declared(dual, [FORWARDING])) == []
    assert (
        ids(
            declared(
                {**dual, "talos_version": "v1.14.1"},
                [{"apiVersion": "v1alpha1", "kind": "SysctlConfig", "params": {"net.ipv6.conf.all.forwarding": "1"}}],
            )
        )
        == []
    )


def test_a_patch_that_replaces_the_routes_is_seen() -> None:
    patch = {
        "apiVersion": "v1alpha1",
        "kind": "ExtensionServiceConfig",
        "name": "tailscale",
        "environment": ["TS_ROUTES=10.97.0.0/16"],
    }
    assert "cluster-route" in ids(declared(None, [patch]))


def test_the_own_network_is_advertised_on_wish_only() -> None:
    assert ids(declared(advertise=["services", "pods", "198.18.1.0/24"])) == ["route-own-network"]
    assert ids(declared(advertise=["services", "pods", "lan", "198.18.0.0/16"])) == ["route-own-network"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"expires": NOON}, ["tailnet.key-unusable"]),
        ({"used": True}, ["tailnet.key-unusable"]),
        ({"used": True, "reusable": True}, ["tailnet.key-reusable"]),
        ({"revoked": True}, ["tailnet.key-unusable"]),
        ({"tags": ()}, ["tailnet.key-untagged"]),
        ({"ephemeral": True}, ["tailnet.key-ephemeral"]),
    ],
)
def test_a_key_that_the_server_knows(changes: dict[str, Any], expected: list[str]) -> None:
    good: dict[str, Any] = {"tags": ("tag:k8s",), "expires": NOON + datetime.timedelta(seconds=1)}
    assert [finding.id for finding in rules.check_key(AuthKey("1", **{**good, **changes}), NOON)] == expected


def test_of_a_variable_that_comes_twice_the_later_one_counts() -> None:
    environment = read_environment(["A=1", "A=2=3", "B"])
    assert environment.variables == {"A": "2=3", "B": ""}
