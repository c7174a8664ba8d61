# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholder."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.layer("L1")
def test_every_node_answers(host: Any) -> None:
    assert host.talos.stage in ("booting", "running")
