# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin of all scenarios, and each fault as it was experienced."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.fault_event import Bounds, FaultEvent, FaultPlan
from ansible_collections.homelab.talos.tests.testinfra.fault_watch import FaultWatch
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import bounded
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle
from ansible_collections.homelab.talos.tests.testinfra.pod_pair import PodPair

pytest_plugins = ["ansible_collections.homelab.talos.tests.testinfra.scenario"]

PLAN = FaultPlan.load(Path(__file__).parent / "faults.yml")
# Where the pods are, which every case hits.
HIT = "node1"
LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def bounds() -> Bounds:
    """How long the cluster may take."""
    return PLAN.bounds


@pytest.fixture(scope="module", params=list(PLAN.cases))
def event(
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
    lab: LabHandle,
    expected: Expected,
    require: Callable[[str], None],
    node: Callable[[str], Any],
) -> Iterator[FaultEvent]:
    """One fault, from before it to after it."""
    for capability in ("exec", "faults"):
        require(capability)
    api = config.new_client_from_config(os.environ["KUBECONFIG"])
    core, apps = bounded(client.CoreV1Api(api)), bounded(client.AppsV1Api(api))
    watch = FaultWatch(
        PLAN, expected, lab, core, bounded(client.CoordinationV1Api(api)), lambda name: str(node(name).talos.stage)
    )
    case = PLAN.cases[request.param]
    pods = PodPair(core, apps, f"{case.name}-{int(time.time())}", HIT)
    try:
        pods.start()
        seen = watch.experience(case, pods)
        pytestconfig.stash.setdefault(LINES, []).append(seen.line(PLAN.bounds))
        yield seen
    finally:
        pods.remove()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the measured times beside their bounds."""
    terminalreporter.section("faults")
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)
