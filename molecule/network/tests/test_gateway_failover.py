# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway, its state, or the coordination server is gone for a while: what stays, what goes, what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until

pytestmark = [pytest.mark.layer("L4"), pytest.mark.disruptive]

SWITCH_SECONDS = 90.0
# headscale asks a silent gateway once more before it gives its routes to nobody.
VANISH_SECONDS = 90.0
# The API server waits 50 s for a silent kubelet.
NOT_READY_SECONDS = 120.0
RETURN_SECONDS = 180.0


@pytest.fixture
def switch(lab: Any) -> Callable[[str, str], None]:
    """Return a function that uses the power switch of a machine."""

    def use(action: str, machine: str) -> None:
        done = lab.act(action, machine, (), SWITCH_SECONDS)
        assert done.returncode == 0, f"{action} {machine}: {done.stderr.strip()}"

    return use


@pytest.fixture
def answer(tailnet: Any, gateway_wanted: Any) -> Callable[[], str]:
    """Return a function that tells what the client gets from the pod behind the gateway."""

    def ask() -> str:
        (found,) = tailnet.ask(gateway_wanted.question.client, [{"get": f"http://{gateway_wanted.service}/hostname"}])
        return str(found.get("body") or found.get("error"))

    return ask


@pytest.fixture
def ready(kubernetes: Any) -> Callable[[], set[str]]:
    """Return a function that tells which nodes are Ready."""

    def names() -> set[str]:
        nodes = kubernetes.list_node().items
        return {
            node.metadata.name
            for node in nodes
            if any(each.type == "Ready" and each.status == "True" for each in node.status.conditions)
        }

    return names


def identities(devices: Any) -> dict[str, str]:
    """Return name -> id."""
    return {name: device.id for name, device in devices.items()}


def seconds_until(awaited: str, look: Callable[[], tuple[bool, str]], limit: float) -> float:
    """Return how long it took until the condition held."""
    begin = time.monotonic()
    wait_until(awaited, look, limit)
    return time.monotonic() - begin


def test_routes_go_with_the_gateway_and_come_back_with_its_identity(
    tailnet: Any,
    gateway_wanted: Any,
    switch: Any,
    answer: Any,
    ready: Any,
    expected: Any,
    record_property: Callable[[str, object], None],
) -> None:
    gateway = gateway_wanted.question.gateway
    before = identities(tailnet.devices())

    def served_by_nobody() -> tuple[bool, str]:
        served = {name: sorted(device.served) for name, device in tailnet.devices().items() if device.served}
        return not served, f"routes served by {served}"

    def nodes_are(wanted: set[str]) -> Callable[[], tuple[bool, str]]:
        return lambda: ((found := ready()) == wanted, f"Ready are {sorted(found)}")

    def answered() -> tuple[bool, str]:
        return (found := answer()) == gateway_wanted.pod, found

    switch("power-off", gateway)
    try:
        assert answer() != gateway_wanted.pod
        gone = seconds_until("the routes to be given to nobody", served_by_nobody, VANISH_SECONDS)
        record_property("seconds until the routes were gone", round(gone, 1))
        wait_until(
            "the cluster to miss exactly the gateway", nodes_are(expected.names() - {gateway}), NOT_READY_SECONDS
        )
    finally:
        switch("start", gateway)
    back = seconds_until("the client to be answered again", answered, RETURN_SECONDS)
    record_property("seconds from power to an answer", round(back, 1))
    wait_until("every node to be Ready", nodes_are(expected.names()), RETURN_SECONDS)
    assert identities(tailnet.devices()) == before


def test_paths_stay_while_nobody_coordinates(
    tailnet: Any, gateway_wanted: Any, switch: Any, answer: Any, expected: Any
) -> None:
    server = expected.tailnet["server"]
    assert answer() == gateway_wanted.pod
    switch("power-off", server)
    try:
        assert [answer() for _time in range(3)] == [gateway_wanted.pod] * 3
    finally:
        switch("start", server)

    def online() -> tuple[bool, str]:
        found = {name: device.online for name, device in tailnet.devices().items()}
        return all(found.values()), f"online: {found}"

    wait_until("every device to be online again", online, RETURN_SECONDS)
    assert answer() == gateway_wanted.pod


def test_a_gateway_without_its_state_is_refused_with_its_old_key(
    tailnet: Any, gateway_wanted: Any, node: Any, answer: Any
) -> None:
    """Its key is for one use: the program ends with the server's refusal, and Talos starts it again and again."""
    gateway = gateway_wanted.question.gateway

    def with_state(*commands: str) -> None:
        tailnet.on(gateway, "sh", "-c", " && ".join((*commands, "pkill -KILL -x containerboot")))

    def refused() -> tuple[bool, str]:
        said = str(node(gateway).service("ext-tailscale").message)
        return said.endswith('task "ext-tailscale" failed: exit code 1'), said

    def answered() -> tuple[bool, str]:
        return (found := answer()) == gateway_wanted.pod, found

    before = identities(tailnet.devices())
    with_state("mv /var/lib/tailscale /var/lib/kept")
    try:
        wait_until("the refusal to be told by the service", refused, RETURN_SECONDS)
    finally:
        # Between two starts, so that nobody writes into it meanwhile. sleep: the poll of a wait that act() limits
        quiet = "while pgrep -x containerboot > /dev/null; do sleep 0.1; done"
        tailnet.on(gateway, "sh", "-c", f"{quiet}; rm -rf /var/lib/tailscale && mv /var/lib/kept /var/lib/tailscale")
    wait_until("the client to be answered again", answered, RETURN_SECONDS)
    assert identities(tailnet.devices()) == before
