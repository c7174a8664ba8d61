# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario recorded, and what is expected of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest_plugins = ["ansible_collections.homelab.talos.tests.testinfra.layers"]


@pytest.fixture(scope="session")
def record() -> Any:
    """What the converge run wrote down."""
    return json.loads(Path(os.environ["HOMELAB_UPSTREAM_RECORD"]).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def wanted() -> Any:
    """What the scenario must say."""
    return yaml.safe_load(Path(__file__).with_name("expected.yml").read_text(encoding="utf-8"))
