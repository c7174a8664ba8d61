# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tailnet_routes: exactly what is asked for is approved, and nothing is when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import waiting
from ansible_collections.homelab.talos.plugins.modules import tailnet_routes
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import StandInDevice, StandInServer, Tailnet

SERVICES, PODS, OTHER = "10.96.0.0/12", "10.244.0.0/16", "192.168.7.0/24"
REAL_PACE = waiting.Pace


@pytest.fixture(autouse=True)
def _in_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass in name only."""
    now = [0.0]

    async def pause(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(waiting, "Pace", lambda: REAL_PACE(clock=lambda: now[0], pause=pause))


@pytest.fixture
def wish(reach: dict[str, Any]) -> dict[str, Any]:
    return {**reach, "device": "gw1", "routes": [SERVICES, PODS], "wait_timeout": 5}


@pytest.fixture
def gateway(tailnet: StandInServer) -> StandInDevice:
    return tailnet.tailnet.devices[0]


def test_approves_once(run_module: Any, wish: dict[str, Any], tailnet: StandInServer, gateway: StandInDevice) -> None:
    first = run_module(tailnet_routes, **wish, diff=True)
    assert (first["changed"], first["approved_before"], first["approved"]) == (True, [], [SERVICES, PODS])
    assert first["diff"]["after"] == f"{SERVICES}\n{PODS}\n"
    assert gateway.approved == [SERVICES, PODS]
    assert not run_module(tailnet_routes, **wish)["changed"]
    assert tailnet.tailnet.changes == ["approve gw1"]


def test_check_mode_changes_nothing(run_module: Any, wish: dict[str, Any], tailnet: StandInServer) -> None:
    result = run_module(tailnet_routes, **wish, check_mode=True)
    assert (result["changed"], result["approved"]) == (True, [SERVICES, PODS])
    tailnet.tailnet.devices[0].advertised = []
    assert run_module(tailnet_routes, **wish, check_mode=True)["changed"]
    assert tailnet.tailnet.changes == []


def test_others_stay_unless_the_set_is_exclusive(run_module: Any, wish: dict[str, Any], gateway: StandInDevice) -> None:
    gateway.approved = [OTHER]
    assert run_module(tailnet_routes, **wish)["approved"] == [SERVICES, PODS, OTHER]
    assert run_module(tailnet_routes, **wish, exclusive=True)["approved"] == [SERVICES, PODS]
    assert gateway.approved == [SERVICES, PODS]


def test_withdraws(run_module: Any, wish: dict[str, Any], gateway: StandInDevice) -> None:
    gateway.approved = [SERVICES, OTHER]
    result = run_module(tailnet_routes, **{**wish, "routes": [OTHER, PODS]}, state="absent")
    assert (result["changed"], gateway.approved) == (True, [SERVICES])
    assert not run_module(tailnet_routes, **{**wish, "routes": [OTHER]}, state="absent")["changed"]


def test_waits_until_the_device_is_there_and_advertises(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer, gateway: StandInDevice
) -> None:
    looks = [[], [], [SERVICES], [SERVICES, PODS]]
    tailnet.tailnet.devices.clear()

    def at_devices(net: Tailnet) -> None:
        if looks:
            gateway.advertised = looks.pop(0)
            net.devices = [gateway] if len(looks) < 3 else []

    tailnet.tailnet.at_devices = at_devices
    assert run_module(tailnet_routes, **wish)["changed"]


def test_a_route_that_is_not_advertised_is_not_approved(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer
) -> None:
    name = "gw1" if wish["server"] == "headscale" else "gw1.tail1234.ts.net"
    seen = f"last observed: {name} advertises {SERVICES}, {PODS}"
    result = run_module(tailnet_routes, **{**wish, "routes": [OTHER]})
    assert result["msg"].startswith(f"waited 5 s for device gw1 to advertise {OTHER}; {seen}")
    result = run_module(tailnet_routes, **{**wish, "routes": [OTHER]}, wait=False)
    assert result["msg"].startswith(f"waited 0 s for device gw1 to advertise {OTHER}; {seen}")
    assert tailnet.tailnet.changes == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"routes": ["10.96.0.1/12"]}, ["has host bits set; the network is 10.96.0.0/12"]),
        ({"routes": ["services"]}, ["'services' is no route"]),
        ({"routes": ["0.0.0.0/0"]}, ["0.0.0.0/0 is everything", "exit node"]),
        ({"device": "gw9", "wait": False}, ["device gw9: is not in the tailnet, which has: gw1"]),
        ({"device": "gw9"}, ["waited 5 s for device gw9 to advertise", "no device gw9"]),
        ({"url": "http://headscale.example"}, ["is no https URL"]),
    ],
)
def test_what_cannot_be_is_refused_before_anything_changes(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer, change: dict[str, Any], words: list[str]
) -> None:
    result = run_module(tailnet_routes, **{**wish, **change})
    assert result["exit_status"] == 1
    assert all(word in result["msg"] for word in words), result["msg"]
    assert tailnet.tailnet.changes == []


def test_two_devices_of_one_name_are_named(run_module: Any, wish: dict[str, Any], tailnet: StandInServer) -> None:
    tailnet.tailnet.devices.append(StandInDevice("8", "gw1", online=False, name="gw1-1"))
    result = run_module(tailnet_routes, **wish)
    assert "2 devices are called so" in result["msg"]
    assert "gw1-1 (id 8, offline)" in result["msg"]
    assert tailnet.tailnet.changes == []
    assert run_module(tailnet_routes, **{**wish, "device": "7"})["changed"]


@pytest.mark.parametrize("network", [SERVICES, "10.96.7.0/24", "10.0.0.0/8"])
def test_a_second_router_is_refused_unless_it_is_to_stand_by(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer, network: str
) -> None:
    tailnet.tailnet.devices.append(StandInDevice("8", "gw2", advertised=[network], approved=[network], name="gw2"))
    result = run_module(tailnet_routes, **wish)
    assert "device gw1: route 10.96.0.0/12 has another router: gw2 (id 8, online)" in result["msg"]
    assert tailnet.tailnet.changes == []
    assert run_module(tailnet_routes, **wish, failover=True)["changed"]


def test_somebody_who_only_advertises_is_no_second_router(
    run_module: Any, wish: dict[str, Any], tailnet: StandInServer
) -> None:
    tailnet.tailnet.devices.append(StandInDevice("8", "gw2", advertised=[SERVICES]))
    assert run_module(tailnet_routes, **wish)["changed"]
