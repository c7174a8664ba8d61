# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway, and only the gateway, runs the tailnet's service; in the lab it is a stand-in and says so."""

from __future__ import annotations

from typing import Any

import pytest

CONFIGURED = "ExtensionServiceConfigs.runtime.talos.dev"
SERVICE = "ext-tailscale"


@pytest.mark.layer("L3")
def test_only_the_gateway_has_the_service_and_it_runs(host: Any, me: Any) -> None:
    wanted = {SERVICE: "Running"} if me.role == "gateway" else {}
    assert {name: state for name, state in host.talos.services.items() if name == SERVICE} == wanted


@pytest.mark.layer("L3")
def test_only_the_gateway_has_a_configuration_for_it(host: Any, me: Any) -> None:
    wanted = {"tailscale"} if me.role == "gateway" else set()
    assert {item.id for item in host.talos.resources("runtime", CONFIGURED)} == wanted


@pytest.mark.layer("L3")
def test_a_stand_in_names_itself(host: Any, me: Any, lab: Any) -> None:
    """What is emulated must not pass for the real thing; on real machines nothing calls itself a stand-in."""
    if me.role != "gateway":
        return
    assert ("stand-in" in host.service(SERVICE).message) == ("stand-in" in lab.capabilities)
