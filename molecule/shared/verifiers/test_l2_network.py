# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L2: the network of every node is exactly the declared one, and every pair of nodes exchanges traffic."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.layer("L2")

API_PORT = 50000
# Runs on a node: connects to the address and port of its arguments.
CONNECT = "exec 3<>/dev/tcp/$0/$1"


def of_the_pods(address: str, expected: Any) -> bool:
    """Return whether an address or prefix belongs to the pod network, which is for another layer."""
    return ipaddress.ip_interface(address).network.subnet_of(ipaddress.ip_network(expected.network["pods"]))


def test_addresses_are_exactly_the_declared_ones(host: Any, me: Any, expected: Any) -> None:
    found = {
        (spec["linkName"], spec["address"])
        for spec in (item.spec for item in host.talos.resources("network", "AddressStatuses.net.talos.dev"))
        if spec["family"] == "inet4"
        and not of_the_pods(spec["address"], expected)
        and spec["address"].partition("/")[0] != expected.network.get("vip")
    }
    interface, prefix = expected.network["interface"], expected.network["prefix"]
    assert found == {("lo", "127.0.0.1/8"), (interface, f"{me.address}/{prefix}")}


def test_routes_are_exactly_the_declared_ones(host: Any, me: Any, expected: Any) -> None:
    interface, prefix = expected.network["interface"], expected.network["prefix"]
    found = {
        (spec["dst"] or "default", spec["gateway"], spec["outLinkName"])
        for spec in (item.spec for item in host.talos.resources("network", "RouteStatuses.net.talos.dev"))
        if spec["family"] == "inet4"
        and spec["table"] == "main"
        and not (spec["dst"] and of_the_pods(spec["dst"], expected))
    }
    subnet = str(ipaddress.ip_interface(f"{me.address}/{prefix}").network)
    assert found == {("default", expected.network["gateway"], interface), (subnet, "", interface)}


def test_every_node_reaches_the_api_of_every_other_node(
    lab: Any, require: Callable[[str], None], expected: Any
) -> None:
    require("exec")
    addresses = {name: node.address for name, node in expected.nodes.items()}
    pairs = [(source, target) for source in addresses for target in addresses if source != target]
    unreached = {}
    for source, target in pairs:
        command = ["timeout", "3", "bash", "-c", CONNECT, addresses[target], str(API_PORT)]
        result = lab.act("exec", source, command)
        if result.returncode != 0:
            unreached[source, target] = result.stderr.strip() or f"exit status {result.returncode}"
    assert unreached == {}
