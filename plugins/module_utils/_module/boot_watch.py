# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at booting nodes until each has reached what it can reach by itself.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.connection import Connector
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.cluster_reading import read_nodes
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.clocks import BootTiming
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.from_readings import boot_timing
from ansible_collections.homelab.talos.plugins.module_utils.talos.boot_reading import read_boots
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, WaitTimeout, wait_for


async def watch_boots(
    connector: Connector,
    nodes: Sequence[ExpectedNode],
    kubeconfig: str | None,
    timeout: float,
    wait: float,
    pace: Pace | None = None,
) -> list[BootTiming]:
    """Look until the boot of every node is settled, at most ``wait`` seconds; return the last timings.

    :param kubeconfig: path, None when Kubernetes shall not be asked.
    :param timeout: limit of each call in seconds.
    """
    last: list[BootTiming] = []

    async def look() -> Observed[None]:
        last[:] = await observe_boots(connector, nodes, kubeconfig, timeout)
        pending = [str(timing) for timing in last if not timing.settled]
        return Observed(not pending, "; ".join(pending), None)

    # What is awaited in vain is in the timings.
    with contextlib.suppress(WaitTimeout):
        await wait_for("the nodes to boot", look, wait, pace)
    return last


async def observe_boots(
    connector: Connector, nodes: Sequence[ExpectedNode], kubeconfig: str | None, timeout: float
) -> list[BootTiming]:
    """Read every node, and Kubernetes, once."""
    readings = await read_boots({node.name: _opener(connector, node.address) for node in nodes})
    found = None if kubeconfig is None else await asyncio.to_thread(read_nodes, kubeconfig, timeout)
    return [boot_timing(node, readings[node.name], _of(node, found)) for node in nodes]


def _of(node: ExpectedNode, kubernetes: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return what Kubernetes says about a node."""
    if kubernetes is None or "error" in kubernetes:
        return kubernetes
    for item in kubernetes["nodes"]:
        if node.address in item["addresses"] or item["name"] == node.name:
            return dict(item)
    return {"error": "Kubernetes does not know the node"}


def _opener(connector: Connector, address: str) -> Callable[[], Any]:
    return lambda: connector.secure(address)
