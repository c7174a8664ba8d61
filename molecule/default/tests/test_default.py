# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A single control plane is a whole cluster."""

from __future__ import annotations

from typing import Any

import pytest

TAINTS_OF_THE_CLUSTER: set[str] = set()


@pytest.mark.layer("L4")
def test_the_control_plane_takes_pods(kubernetes: Any) -> None:
    found = {taint.key for node in kubernetes.list_node().items for taint in node.spec.taints or ()}
    assert found == TAINTS_OF_THE_CLUSTER
