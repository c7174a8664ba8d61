# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three control planes behind one shared address."""

from __future__ import annotations

from typing import Any

import pytest

STATUSES = "KubePrismStatuses.kubernetes.talos.dev"


@pytest.mark.layer("L3")
def test_kubeprism_is_healthy_on_every_node(host: Any) -> None:
    found = {item.id: item.spec for item in host.talos.resources("k8s", STATUSES)}
    assert found == {"k8s-loadbalancer": {"host": "127.0.0.1:7445", "healthy": True}}
