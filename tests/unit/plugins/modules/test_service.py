# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service: what is so already is left alone, what Talos refuses is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method
from ansible_collections.homelab.talos.plugins.modules import service
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode


def _operate(state: str) -> Any:
    """Return an answer that brings a service into a state, with a new event."""

    def answer(node: FakeNode, request: Any) -> None:
        node.services[request.id] = (state, True if state == "Running" else None)
        node.answers["ServiceList"] = lambda fake, _request: listing(fake, 2)

    return answer


def listing(node: FakeNode, seconds: int) -> Any:
    """Answer ServiceList with newest events of a time."""
    reply = method("machine.MachineService/ServiceList").reply_class()
    element = reply.messages.add()
    for name, (state, healthy) in node.services.items():
        info = element.services.add(id=name, state=state)
        info.health.unknown, info.health.healthy = healthy is None, bool(healthy)
        event = info.events.events.add(msg=f"{name} is {state}", state=state)
        event.ts.FromSeconds(seconds)
    return reply


@pytest.fixture
def node(node: FakeNode) -> FakeNode:
    node.services = {"kubelet": ("Running", True), "ext-tailscale": ("Waiting", None), "etcd": ("Running", True)}
    node.answers["ServiceList"] = lambda fake, _request: listing(fake, 1)
    node.answers["ServiceStop"] = _operate("Finished")
    node.answers["ServiceStart"] = node.answers["ServiceRestart"] = _operate("Running")
    return node


def test_stops_once_and_starts_again(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    wish = {**options, "service": "ext-tailscale"}
    stopped = run_module(service, **wish, state="stopped")
    assert (stopped["changed"], stopped["state_before"], stopped["state_after"]) == (True, "Waiting", "Finished")
    assert not run_module(service, **wish, state="stopped")["changed"]
    node.answers["ServiceList"] = lambda fake, _request: listing(fake, 1)
    started = run_module(service, **wish)
    assert (started["changed"], started["state_after"]) == (True, "Running")
    assert not run_module(service, **wish)["changed"]
    assert [call for call in node.calls if call in ("ServiceStop", "ServiceStart")] == ["ServiceStop", "ServiceStart"]


def test_restarts_each_time_and_waits_for_a_new_start(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(service, **options, service="kubelet", state="restarted")
    assert (result["changed"], result["message"]) == (True, "kubelet is Running")
    assert run_module(service, **options, service="kubelet", state="restarted", wait=False)["changed"]
    assert node.calls.count("ServiceRestart") == 2


def test_check_mode_and_diff(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    wish = {**options, "service": "kubelet", "state": "restarted", "check_mode": True, "diff": True}
    result = run_module(service, **wish)
    assert (result["changed"], result["diff"]["before"], result["diff"]["after"]) == (True, "Running\n", "restarted\n")
    assert "ServiceRestart" not in node.calls


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("name", "state", "text"),
    [
        ("kubelet", "stopped", 'service "kubelet" doesn\'t support stop operation via API'),
        ("etcd", "restarted", 'service "etcd" doesn\'t support restart operation via API'),
        ("nope", "started", 'service "nope" not defined (UNKNOWN); remedy: the services of this node are etcd, ext-'),
    ],
)
def test_what_talos_refuses(
    run_module: Any, options: dict[str, Any], node: FakeNode, name: str, state: str, text: str, check_mode: bool
) -> None:
    result = run_module(service, **options, service=name, state=state, check_mode=check_mode)
    assert result["exit_status"] == 1
    assert result["msg"].startswith(f"w1: {text}")
    assert not [call for call in node.calls if call.startswith("Service") and call != "ServiceList"]


def test_says_what_it_waited_for(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    node.answers["ServiceRestart"] = lambda fake, request: None
    result = run_module(service, **options, service="kubelet", state="restarted")
    assert result["exit_status"] == 1
    assert result["msg"] == (
        "waited 20 s for service kubelet of w1 to run; last observed: Running, healthy: kubelet is Running"
    )
