# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a test says that it could not be run, for a reason that its scenario allows."""

from __future__ import annotations

from typing import NoReturn

import pytest


class NotRun(pytest.skip.Exception):  # type: ignore[name-defined]
    """A test could not be run for a reason that the scenario allows."""


def not_run(reason: str) -> NoReturn:
    """End the test as not run."""
    raise NotRun(f"not run: {reason}")
