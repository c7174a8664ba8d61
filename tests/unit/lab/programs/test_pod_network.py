# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each node gets a bridge for its own pods and a route to the pods of every other node."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.programs.pod_network import connect_pods
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

OTHERS = {"10.244.1.0/24": "198.18.1.12"}


def test_the_bridge_has_the_pod_cidr_of_the_node(controlplane: MachineConfig, runtime: Any) -> None:
    asyncio.run(connect_pods(runtime, controlplane, "10.244.0.0/24", OTHERS))
    content = json.loads((runtime.directory / "etc/cni/net.d/10-lab.conflist").read_text(encoding="utf-8"))
    assert content["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert runtime.commands == [["nft", "-f", "-"], ["ip", "-batch", "-"]]


def test_pods_and_services_are_those_of_the_configuration(controlplane: MachineConfig, runtime: Any) -> None:
    controlplane.v1alpha1["cluster"]["network"] = {
        "podSubnets": ["10.1.0.0/16", "fd00:1::/64"],
        "serviceSubnets": ["10.2.0.0/16"],
    }
    asyncio.run(connect_pods(runtime, controlplane, "10.1.0.0/24", OTHERS))
    rules, routes = runtime.inputs
    assert "ip saddr { 10.1.0.0/16 } ip daddr != { 10.1.0.0/16, 224.0.0.0/4 } masquerade" in rules
    assert rules.count("ip daddr { 10.2.0.0/16 } reject") == 2
    assert routes.splitlines() == [
        "route replace unreachable 10.1.0.0/16 metric 4294967295 proto static",
        "route replace 10.244.1.0/24 via 198.18.1.12 proto static",
    ]


def test_a_route_that_cannot_be_set_is_told(controlplane: MachineConfig, runtime: Any) -> None:
    runtime.answers = [(0, b"", b""), (1, b"", b"Error: Nexthop has invalid gateway.\n")]
    with pytest.raises(LabError, match=r"node cp1: routes .* Nexthop has invalid gateway"):
        asyncio.run(connect_pods(runtime, controlplane, "10.244.0.0/24", OTHERS))
    assert not (runtime.directory / "etc/cni/net.d/10-lab.conflist").exists()
