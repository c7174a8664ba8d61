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

pytest_plugins = ["ansible_collections.homelab.talos.tests.testinfra.scenario"]


@pytest.fixture(scope="session")
def history() -> Any:
    """What was seen while the cluster was broken."""
    path = Path(os.environ["KUBECONFIG"]).with_name("history.json")
    if not path.exists():
        pytest.fail(f"{path} does not exist; run `molecule side-effect -s ha` first")
    return json.loads(path.read_text(encoding="utf-8"))
