# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests say the same on every machine and in every run.

``--hypothesis-profile=default`` explores instead: other examples each time, and none of them may take long.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the profile, unless the command line did."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("repeatable")
