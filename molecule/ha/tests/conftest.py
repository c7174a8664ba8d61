# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin of all scenarios, and what the scenario's side effect saw."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.drill.bounds import SILENCE
from ansible_collections.homelab.talos.tests.drill.judging import silence

pytest_plugins = ["ansible_collections.homelab.talos.tests.testinfra.scenario"]


HISTORY = pytest.StashKey[Any]()


@pytest.fixture(scope="session")
def history(pytestconfig: pytest.Config) -> Any:
    """What was seen while the cluster was broken."""
    path = Path(os.environ["KUBECONFIG"]).with_name("history.json")
    if not path.exists():
        pytest.fail(f"{path} does not exist; run `molecule side-effect -s ha` first")
    return pytestconfig.stash.setdefault(HISTORY, json.loads(path.read_text(encoding="utf-8")))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show the measured times beside their bounds."""
    seen = config.stash.get(HISTORY, {})
    terminalreporter.section("availability")
    events = seen.get("events", {})
    for name, (bound, reason) in SILENCE.items() if "two-lost" in events else ():
        took = silence(seen["writes"][name], events["one-lost"], events["two-lost"])
        terminalreporter.write_line(
            f"holder of the shared address lost: nothing written through {name} for {took:.1f} s"
            f" (bound {bound:g} s: {reason})"
        )
    if "seconds" in seen.get("recovery", {}):
        took = seen["recovery"]["seconds"]
        terminalreporter.write_line(f"all data lost, refused, recovered from a snapshot: {took:.0f} s")
