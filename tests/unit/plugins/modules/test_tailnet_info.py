# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tailnet_info: devices, and routes with who has to do with them."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.modules import tailnet_info
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import StandInDevice, StandInServer


def test_devices_and_routes(run_module: Any, tailnet: StandInServer, reach: dict[str, Any]) -> None:
    tailnet.tailnet.devices[0].approved = ["10.96.0.0/12"]
    tailnet.tailnet.devices.append(StandInDevice("8", "laptop", online=False))
    result = run_module(tailnet_info, **reach)
    assert not result["changed"]
    assert [(device["hostname"], device["online"]) for device in result["devices"]] == [
        ("gw1", True),
        ("laptop", False),
    ]
    services, pods = result["routes"]
    gateway = result["devices"][0]["name"]
    assert services == {
        "network": "10.96.0.0/12",
        "advertised_by": [gateway],
        "approved_for": [gateway],
        "serving": [gateway],
    }
    assert (pods["approved_for"], pods["serving"]) == ([], [])


def test_which_of_two_serves_is_known_or_said_to_be_unknown(
    run_module: Any, tailnet: StandInServer, reach: dict[str, Any]
) -> None:
    for name in ("gw1", "gw2"):
        tailnet.tailnet.devices.append(StandInDevice(name, name, advertised=["10.7.0.0/16"], approved=["10.7.0.0/16"]))
    del tailnet.tailnet.devices[0]
    (route,) = run_module(tailnet_info, **reach)["routes"]
    if reach["server"] == "headscale":
        assert route["serving"] == ["gw1"]
    else:
        assert route["serving"] is None


def test_only_the_devices_that_are_asked_for(run_module: Any, tailnet: StandInServer, reach: dict[str, Any]) -> None:
    tailnet.tailnet.devices.append(StandInDevice("8", "laptop"))
    assert [device["id"] for device in run_module(tailnet_info, **reach, devices=["laptop"])["devices"]] == ["8"]
    result = run_module(tailnet_info, **reach, devices=["tablet"])
    assert (
        result["msg"]
        == "device tablet: is not in the tailnet, which has: gw1, laptop; check the name and that it joined"
    )


def test_a_wrong_token_is_one_line_without_it(run_module: Any, tailnet: StandInServer, reach: dict[str, Any]) -> None:
    result = run_module(tailnet_info, **{**reach, "token": "not-the-token-marker"})
    assert result["msg"].startswith(f"{tailnet.url}: refuses the token")
    assert "not-the-token-marker" not in str(result)
