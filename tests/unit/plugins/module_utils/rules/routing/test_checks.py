# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fact about a route is judged for itself, and what is not reached is told with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.checks import judge
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.observation import (
    ExpectedGateway,
    RoutingObservation,
    Tried,
)
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device

SERVICES, PODS = "10.96.0.0/12", "10.244.0.0/16"
BOTH = (SERVICES, PODS)
GW1 = ExpectedGateway("gw1", "gw1", BOTH)
GW2 = ExpectedGateway("gw2", "gw2", BOTH)
DEVICE = Device("1", "gw1", "gw1", online=True, advertised=BOTH, approved=BOTH, serving=BOTH)
STANDBY = Device("2", "gw2", "gw2", online=True, advertised=BOTH, approved=BOTH, serving=())
LAPTOP = Device("3", "laptop", "laptop", online=True, serving=())


def seen(*devices: Device, **changes: Any) -> RoutingObservation:
    """Return an observation with these devices."""
    values: dict[str, Any] = {"gateways": (GW1,), "devices": (*devices, LAPTOP), "tried": tried(), **changes}
    return RoutingObservation(**values)


def tried(*missed: str) -> tuple[Tried, ...]:
    """Return a try for each route, of which some missed."""
    return tuple(Tried(network, f"x in {network}", network not in missed, "timed out", "laptop") for network in BOTH)


def failed(observation: RoutingObservation) -> dict[str, list[Finding]]:
    """Return the findings of the checks that failed."""
    return {result.id: result.findings for result in judge(observation) if result.status == "failed"}


def statuses(observation: RoutingObservation) -> set[str]:
    """Return the different statuses."""
    return {result.status for result in judge(observation)}


def test_the_good_case() -> None:
    assert statuses(seen(DEVICE)) == {"ok"}
    # Tailscale does not tell who serves; with one that can, it is that one.
    assert statuses(RoutingObservation((GW1,), (replace(DEVICE, serving=None),), tried=tried())) == {"ok"}


def test_a_withdrawn_approval_is_named_by_the_traffic_check_too() -> None:
    found = failed(seen(replace(DEVICE, approved=(PODS,), serving=(PODS,)), tried=tried(SERVICES)))
    assert set(found) == {"route-approved", "route-reachable"}
    withdrawn = judge(seen(replace(DEVICE, approved=(PODS,), serving=(PODS,))))
    (served,) = [result.message for result in withdrawn if result.id == "route-served"]
    assert served.endswith(f"OK, {PODS} served by one device each")
    (approved,), (reachable,) = found["route-approved"], found["route-reachable"]
    assert (approved.host, approved.path) == ("gw1", SERVICES)
    assert (
        reachable.message
        == f"x in {SERVICES} is not reached from laptop (timed out): route {SERVICES} is not approved for gw1"
    )
    assert "playbooks/gateway.yml" in reachable.fix


@pytest.mark.parametrize(
    ("device", "cause"),
    [
        (replace(DEVICE, online=False), "gw1 is not connected to the tailnet"),
        (replace(DEVICE, advertised=(PODS,)), f"route {SERVICES} is not advertised by gw1"),
        (replace(DEVICE, serving=(PODS,)), "the server has done its part"),
        (DEVICE, "the server has done its part"),
    ],
)
def test_why_something_is_not_reached(device: Device, cause: str) -> None:
    (finding,) = failed(seen(device, tried=tried(SERVICES)))["route-reachable"]
    assert finding.message.endswith(cause)
    assert finding.fix


def test_a_second_advertiser_is_named_with_the_first() -> None:
    other = replace(LAPTOP, advertised=("10.96.7.0/24",))
    (finding,) = failed(RoutingObservation((GW1,), (DEVICE, other), tried=tried()))["route-single"]
    assert finding.message == f"route {SERVICES} is advertised by gw1 and by laptop (id 3, online)"
    assert set(failed(RoutingObservation((GW1,), (DEVICE, other), tried=tried()))) == {"route-single"}


def test_a_route_that_somebody_else_serves() -> None:
    thief = replace(LAPTOP, advertised=(SERVICES,), approved=(SERVICES,), serving=(SERVICES,))
    observation = RoutingObservation((GW1,), (replace(DEVICE, serving=(PODS,)), thief), tried=tried(SERVICES))
    found = failed(observation)
    assert set(found) == {"route-single", "route-served", "route-reachable"}
    assert found["route-served"][0].message == f"route {SERVICES} is served by laptop (id 3, online)"
    assert "is served by laptop" in found["route-reachable"][0].message


def test_two_gateways_only_when_one_is_to_take_over() -> None:
    both = {"gateways": (GW1, GW2)}
    assert set(failed(seen(DEVICE, STANDBY, **both))) == {"route-single"}
    assert failed(seen(DEVICE, STANDBY, **both, failover=True)) == {}
    assert set(failed(seen(replace(DEVICE, serving=()), STANDBY, **both, failover=True))) == {"route-served"}
    assert set(failed(seen(DEVICE, replace(STANDBY, serving=BOTH), **both, failover=True))) == {"route-served"}
    # The one that stands by took over.
    gone = replace(DEVICE, online=False, serving=())
    assert set(failed(seen(gone, replace(STANDBY, serving=BOTH), **both, failover=True))) == {"gateway-in-tailnet"}


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ((), "no device gw1 is in the tailnet"),
        (
            (DEVICE, replace(DEVICE, id="9", name="gw1-1", online=False)),
            "2 devices are called gw1: gw1 (id 1, online), gw1-1 (id 9, offline)",
        ),
        ((replace(DEVICE, online=False, serving=()),), "device gw1 is offline"),
        ((replace(DEVICE, authorized=False),), "device gw1 is not authorized"),
    ],
)
def test_a_gateway_that_is_not_one_device_of_the_tailnet(devices: tuple[Device, ...], words: str) -> None:
    (finding,) = failed(seen(*devices))["gateway-in-tailnet"]
    assert finding.message == words


def test_what_is_advertised_besides_is_told() -> None:
    found = failed(seen(replace(DEVICE, advertised=(*BOTH, "192.168.7.0/24"))))
    assert [finding.message for finding in found["route-advertised"]] == [
        "route 192.168.7.0/24 is advertised and not of the inventory"
    ]


def test_a_route_that_nobody_tried_is_no_success() -> None:
    found = failed(seen(DEVICE, tried=tried()[:1]))
    assert [finding.message for finding in found["route-reachable"]] == [f"nothing behind {PODS} was tried"]


def test_without_server_or_client_it_is_said_so() -> None:
    results = judge(RoutingObservation((GW1,), nobody_asked="no server is declared"))
    assert {result.status for result in results} == {"skipped"}
    assert "no server is declared" in results[0].message
    assert "nobody outside of the cluster tried" in results[-1].message
    (finding,) = failed(RoutingObservation((GW1,), tried=tried(PODS)))["route-reachable"]
    assert "what the coordination server says is not known" in finding.message


def test_a_server_that_cannot_be_asked_blocks_what_needs_it() -> None:
    results = judge(RoutingObservation((GW1,), error="https://hs: refuses the token", tried=tried()))
    assert [result.status for result in results] == ["failed", "blocked", "blocked", "blocked", "blocked", "ok"]
    assert "https://hs: refuses the token" in results[0].message


def test_an_inventory_without_gateways_has_no_routes() -> None:
    assert statuses(RoutingObservation((), (LAPTOP,))) == {"skipped"}
