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

OTHERS = {"10.244.1.0/24": "198.18.1.12"}


def test_the_bridge_has_the_pod_cidr_of_the_node(runtime: Any) -> None:
    asyncio.run(connect_pods(runtime, "10.244.0.0/24", OTHERS))
    content = json.loads((runtime.directory / "etc/cni/net.d/10-lab.conflist").read_text(encoding="utf-8"))
    assert content["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert runtime.commands == [["ip", "-batch", "-"]]


def test_a_route_that_cannot_be_set_is_told(runtime: Any) -> None:
    runtime.answers = [(1, b"", b"Error: Nexthop has invalid gateway.\n")]
    with pytest.raises(LabError, match=r"node cp1: .* Nexthop has invalid gateway"):
        asyncio.run(connect_pods(runtime, "10.244.0.0/24", OTHERS))
