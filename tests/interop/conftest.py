# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real talosctl, and machine configurations for it to judge."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.lab.engine.ensure import print_progress
from ansible_collections.homelab.talos.tests.support.talosctl import Talosctl, ensure_talosctl


@pytest.fixture(scope="session")
def talosctl() -> Talosctl:
    """The real talosctl of the line that the lab emulates."""
    return ensure_talosctl(print_progress)
