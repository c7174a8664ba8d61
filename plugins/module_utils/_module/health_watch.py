# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a cluster until its checks pass: reading, judging, and how long each check took.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.connection import Connector
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.cluster_reading import read_kubernetes
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import Check
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.evaluation import (
    awaited,
    evaluate,
    is_healthy,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.from_readings import (
    kubernetes_observation,
    node_observation,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ExpectedNode,
    Observation,
    PairTraffic,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.cluster_reading import read_cluster
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, WaitTimeout, wait_for


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    :ivar nodes: the nodes of the inventory that shall be there.
    :ivar control_plane_addresses: of all control planes of the inventory.
    :ivar kubeconfig: path, None when there is none.
    :ivar pairs: traffic between nodes that was tried before.
    :ivar timeout: limit of each call in seconds.
    :ivar workloads: names of the workloads of the system that Talos shall deploy, None when that is not declared.
    """

    nodes: tuple[ExpectedNode, ...]
    control_plane_addresses: tuple[str, ...]
    kubeconfig: str | None
    pairs: tuple[PairTraffic, ...] | None
    timeout: float
    workloads: frozenset[str] | None = None


async def watch_health(
    connector: Connector,
    subject: Subject,
    checks: Sequence[Check],
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    pace: Pace | None = None,
) -> tuple[list[CheckResult], Observation]:
    """Look until no check fails, at most ``timeout`` seconds; return the last results and observation.

    ``seconds`` of a result is the time until the check passed (for good), or until the end.
    """
    started = clock()
    passed_at: dict[str, float] = {}
    last: tuple[list[CheckResult], Observation] | None = None

    async def look() -> Observed[None]:
        nonlocal last
        observation = await observe(connector, subject, checks)
        results = evaluate(observation, checks)
        elapsed = clock() - started
        for result in results:
            if result.status in ("failed", "blocked"):
                passed_at.pop(result.id, None)
            else:
                passed_at.setdefault(result.id, elapsed)
        last = [replace(item, seconds=round(passed_at.get(item.id, elapsed), 3)) for item in results], observation
        return Observed(is_healthy(results), awaited(results), None)

    # What is awaited in vain is in the results.
    with contextlib.suppress(WaitTimeout):
        await wait_for("the cluster to be healthy", look, timeout, pace)
    if last is None:
        raise WaitTimeout("the first look at the cluster", timeout, "nothing")
    return last


async def observe(connector: Connector, subject: Subject, checks: Sequence[Check]) -> Observation:
    """Read every node, and Kubernetes when the checks ask for it and no layer below fails."""
    clients = {node.name: _opener(connector, node.address) for node in subject.nodes}
    readings = await read_cluster(clients)
    observation = Observation(
        tuple(node_observation(node, readings[node.name]) for node in subject.nodes),
        subject.control_plane_addresses,
        pairs=subject.pairs,
        workloads=subject.workloads,
    )
    if subject.kubeconfig is None or not _kubernetes_is_next(observation, checks):
        return observation
    reading = await asyncio.to_thread(read_kubernetes, subject.kubeconfig, subject.timeout)
    return replace(observation, kubernetes=kubernetes_observation(reading))


def _kubernetes_is_next(observation: Observation, checks: Sequence[Check]) -> bool:
    """Return whether a check that asks Kubernetes would be judged, not blocked by what is known already."""
    asking = {check.id for check in checks if check.asks_kubernetes}
    return any(result.id in asking and result.status != "blocked" for result in evaluate(observation, checks))


def _opener(connector: Connector, address: str) -> Callable[[], Any]:
    return lambda: connector.secure(address)
