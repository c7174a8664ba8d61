# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key tables know what Talos knows, and only that."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import schema
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import MinorVersion
from ansible_collections.homelab.talos.tests.support import definitions


def faults(document: dict[str, Any], line: MinorVersion = (1, 13)) -> list[tuple[str, str]]:
    return [(fault.reason, ".".join(fault.path)) for fault in schema.check(document, line)]


def document(kind: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **body}


@pytest.mark.parametrize("flavour", ["plain", "cozystack"])
@pytest.mark.parametrize("talos", ["v1.12.11", "v1.13.9", "v1.14.1"])
@pytest.mark.parametrize("name", ["cp1", "node1", "gw1"])
def test_what_we_render_is_known(flavour: str, talos: str, name: str) -> None:
    changes = {"flavour": flavour, "talos_version": talos, "vip": "198.18.1.9"}
    config = definitions.config(name, changes, network={**definitions.NETWORK, "mtu": 1400})
    line = tuple(int(part) for part in talos[1:].split(".")[:2])
    for item in config.documents:
        assert faults(item, (line[0], line[1])) == []


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"machine": {"hostnam": "x"}}, [("unknown-key", "machine.hostnam")]),
        (
            {"machine": {"network": {"interfaces": [{"adresses": []}]}}},
            [
                ("unknown-key", "machine.network.interfaces.0.adresses"),
            ],
        ),
        ({"machine": {"kubelet": []}}, [("type", "machine.kubelet")]),
        ({"machine": {"certSANs": "a"}}, [("type", "machine.certSANs")]),
        ({"machine": {"install": {"wipe": "maybe"}}}, [("type", "machine.install.wipe")]),
        ({"machine": {"sysctls": ["a"]}}, [("type", "machine.sysctls")]),
        ({"cluster": {"apiServer": {"extraArgs": {"a": {"b": 1}}}}}, [("type", "cluster.apiServer.extraArgs.a")]),
        (document("LinkConfg"), [("unknown-kind", "kind")]),
        (document("LinkConfig", name="eth0", mtu="big"), [("type", "mtu")]),
        (document("NetworkDefaultActionConfig", ingress="deny"), [("value", "ingress")]),
        (document("KubeletConfig", image="x"), [("kind-too-new", "kind")]),
        (document("DHCPv4Config", name="eth0", ignoreRoutes=True), [("key-too-new", "ignoreRoutes")]),
    ],
)
def test_what_is_not_known(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(item) == expected


@pytest.mark.parametrize(
    "item",
    [
        {
            "machine": {
                "network": {"interfaces": [{"interface": "eth0", "addresses": ["198.18.1.1/24"], "dhcp": False}]}
            }
        },
        {"machine": {"registries": {"mirrors": {"docker.io": {"endpoints": ["https://m"]}}}, "time": {"servers": []}}},
        {"machine": {"sysctls": {"a.b": 1}, "install": {"wipe": "yes", "disk": None}}},
        {"cluster": {"apiServer": {"extraArgs": {"a": ["b", "c"]}}, "acceptedCAs": [{"crt": "x"}]}, "persist": True},
        document("ResolverConfig", nameservers=[{"address": "198.18.1.1"}]),
        document("HostnameConfig", auto="off"),
        document("KubeSpanEndpointsConfig", extraAnnouncedEndpoints=[]),
        document("ImageVerificationConfig", rules=[{"image": "x"}]),
    ],
)
def test_what_is_known(item: dict[str, Any]) -> None:
    assert faults(item) == []


def test_lists_as_arguments_need_talos_1_13() -> None:
    item = {"cluster": {"apiServer": {"extraArgs": {"a": ["b"]}}}}
    assert faults(item, (1, 13)) == []
    assert faults(item, (1, 12)) == [("type", "cluster.apiServer.extraArgs.a")]


def test_kinds_know_when_they_came() -> None:
    assert schema.kinds()["LinkConfig"][1] == (1, 12)
    assert schema.kinds()["KubeSpanConfig"][1] == (1, 13)
    assert schema.kinds()["KubeletConfig"][1] == (1, 14)
    assert schema.kinds()["UnattendedInstallConfig"][1] == (1, 14)
    assert set(schema.kinds()) >= schema.CONTROLPLANE_KINDS


def test_every_type_expression_can_be_resolved() -> None:
    simple = {"string", "boolean", "integer", "any", "argument"}
    for keys in schema.types().values():
        for key in keys.values():
            name = re.sub(r"[\[\]{}]", "", key.type)
            assert name.startswith("(") or name in simple or name in schema.types(), key
