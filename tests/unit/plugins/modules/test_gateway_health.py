# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gateway_health: the facts about the routes of an inventory, from a coordination server and from outside."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import waiting
from ansible_collections.homelab.talos.plugins.modules import gateway_health
from ansible_collections.homelab.talos.tests.support import definitions
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import StandInDevice, StandInServer, Tailnet

BOTH = ["10.96.0.0/12", "10.244.0.0/16"]
REAL_PACE = waiting.Pace


@pytest.fixture
def definition() -> dict[str, Any]:
    gateway = definitions.node_data("gw1", extension_services=[], tailnet={"auth_key": "tskey-auth-marker"})
    return {"cluster": definitions.CLUSTER, "nodes": [definitions.node_data("cp1"), gateway]}


@pytest.fixture
def approved(tailnet: StandInServer) -> StandInDevice:
    tailnet.tailnet.devices[0].approved = list(BOTH)
    return tailnet.tailnet.devices[0]


def statuses(result: dict[str, Any]) -> dict[str, str]:
    """Return check -> status."""
    return {check["id"]: check["status"] for check in result["checks"]}


def tried(ok: bool) -> list[dict[str, Any]]:
    """Return a try for each route."""
    return [{"network": network, "target": "x", "ok": ok, "observed": "timed out"} for network in BOTH]


def test_routes_in_order(run_module: Any, definition: Any, reach: Any, approved: StandInDevice) -> None:
    result = run_module(gateway_health, definition=definition, **reach, reachability=tried(True))
    assert (result["healthy"], result["summary"]) == (True, "6 ok")
    assert [target["address"] for target in result["targets"]] == ["10.96.0.1"]
    assert "tskey-auth-marker" not in str(result)


def test_without_a_client_outside_that_fact_is_left_open(
    run_module: Any, definition: Any, reach: Any, approved: StandInDevice
) -> None:
    result = run_module(gateway_health, definition=definition, **reach)
    assert (result["summary"], statuses(result)["route-reachable"]) == ("5 ok, 1 skipped", "skipped")


def test_without_a_server_nobody_is_asked(run_module: Any, definition: Any) -> None:
    result = run_module(gateway_health, definition=definition)
    assert result["summary"] == "6 skipped"
    assert "no coordination server is declared (talos_tailnet_api)" in result["checks"][0]["message"]


def test_a_missing_approval_is_named_with_what_it_does(
    run_module: Any, definition: Any, reach: Any, tailnet: StandInServer
) -> None:
    result = run_module(gateway_health, definition=definition, **reach, reachability=tried(False))
    assert result["exit_status"] == 1
    failed = {check for check, status in statuses(result).items() if status == "failed"}
    assert failed == {"route-approved", "route-reachable"}
    assert "route 10.96.0.0/12 is not approved for gw1" in result["msg"]
    assert tailnet.tailnet.changes == []


def test_a_server_that_refuses_is_a_finding(run_module: Any, definition: Any, reach: Any) -> None:
    result = run_module(gateway_health, definition=definition, **{**reach, "token": "wrong-marker"})
    assert "the coordination server cannot be asked" in result["msg"]
    assert "wrong-marker" not in str(result)
    assert statuses(result)["route-approved"] == "blocked"


def test_waits_for_the_approval(
    run_module: Any, definition: Any, reach: Any, tailnet: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    async def pause(seconds: float) -> None:
        now[0] += seconds

    def at_devices(net: Tailnet) -> None:
        net.devices[0].approved = list(BOTH) if now[0] > 2 else []

    monkeypatch.setattr(waiting, "Pace", lambda: REAL_PACE(clock=lambda: now[0], pause=pause))
    tailnet.tailnet.at_devices = at_devices
    assert run_module(gateway_health, definition=definition, **reach, wait_timeout=10)["healthy"]
    assert run_module(gateway_health, definition=definition, **reach, wait_timeout=0, check_mode=True)["healthy"]
    before = now[0]
    assert not run_module(gateway_health, definition=definition, **reach, wait_timeout=10, reachability=tried(False))[
        "healthy"
    ]
    assert now[0] == before, "what was tried does not change"
