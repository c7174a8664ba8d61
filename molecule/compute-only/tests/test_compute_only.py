# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without a gateway has no trace of a tailnet."""

from __future__ import annotations

from typing import Any

import pytest

CONFIGURED = "ExtensionServiceConfigs.runtime.talos.dev"


@pytest.mark.layer("L3")
def test_no_node_has_anything_of_the_tailnet(host: Any) -> None:
    assert "tailscale" not in host.talos.extensions
    assert "ext-tailscale" not in host.talos.services
    assert {item.id for item in host.talos.resources("runtime", CONFIGURED)} == set()
