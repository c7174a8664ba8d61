# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a gateway: all pass on what a whole one shows, and each alone fails on its defect."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra import wire_capture
from ansible_collections.homelab.talos.tests.testinfra.gateway_checks import CHECKS, Wanted, failing
from ansible_collections.homelab.talos.tests.testinfra.gateway_facts import (
    BY_NAME,
    BY_POD,
    BY_SERVICE,
    WAYS,
    GatewayFacts,
    Question,
)
from ansible_collections.homelab.talos.tests.testinfra.lab_tailnet import Device, Wire
from ansible_collections.homelab.talos.tests.testinfra.traffic_questions import Failure

SERVICES, PODS = "10.96.0.0/12", "10.244.0.0/16"
BOTH = frozenset({SERVICES, PODS})
CLIENT, GATEWAY, SERVER, NODE = "198.19.254.10", "198.18.41.14", "198.18.41.5", "198.18.41.12"
WANTED = Wanted(
    question=Question("gw1", "laptop", "guest"),
    services=SERVICES,
    pods=PODS,
    tag="tag:gateway",
    pod="target-node1",
    service="10.96.7.7",
    client_address=CLIENT,
    gateway_address=GATEWAY,
    server_address=SERVER,
)


def device(name: str, routes: frozenset[str] = frozenset(), tag: str = "") -> Device:
    return Device("1", name, True, ("100.96.0.9",), frozenset({tag} - {""}), routes, routes, routes)


GW1 = device("gw1", BOTH, "tag:gateway")
INSIDE = {
    ("tcp", "100.96.0.1", "10.96.7.7", "4000>80"): 5,
    ("tcp", "10.96.7.7", "100.96.0.1", "80>4000"): 4,
    ("udp", "100.96.0.1", "100.100.100.100", "4000>53"): 3,
}
OUTSIDE = {
    ("udp", CLIENT, GATEWAY, "41641>50000"): 9,
    ("tcp", SERVER, CLIENT, "443>50000"): 2,
    ("udp", CLIENT, SERVER, "41641>3478"): 1,
    ("arp", "", "", ""): 2,
}
WHOLE = GatewayFacts(
    devices={"gw1": GW1, "laptop": device("laptop"), "guest": device("guest")},
    answers={"laptop": dict.fromkeys(WAYS, "target-node1"), "guest": dict.fromkeys(WAYS, Failure("no route"))},
    names=("10.96.7.7",),
    forwarding="1",
    full_size="",
    tunnel={"laptop": Wire(INSIDE), "gw1": Wire({key: INSIDE[key] for key in list(INSIDE)[:2]})},
    wire=Wire(OUTSIDE),
)


def with_device(changed: Device) -> GatewayFacts:
    return replace(WHOLE, devices={**WHOLE.devices, changed.name: changed})


def with_answer(client: str, way: str, answer: str) -> GatewayFacts:
    return replace(WHOLE, answers={**WHOLE.answers, client: {**WHOLE.answers[client], way: answer}})


def on_the_wire(*packet: str) -> GatewayFacts:
    return replace(WHOLE, wire=Wire({**OUTSIDE, packet: 3}))  # type: ignore[dict-item]


LOST = Failure("timeout")
# Check -> what is found, and the problem in words.
DEFECTS: list[tuple[str, GatewayFacts, str]] = [
    (
        "routes_are_advertised",
        with_device(replace(GW1, advertised=frozenset({PODS}))),
        "gw1 advertises 10.96.0.0/12: no",
    ),
    (
        "routes_are_advertised",
        with_device(replace(GW1, advertised=BOTH | {"192.168.7.0/24"})),
        "gw1 advertises 192.168.7.0/24, which is not declared",
    ),
    ("routes_are_approved", with_device(replace(GW1, approved=frozenset({PODS}))), "is approved for 10.96.0.0/12: no"),
    (
        "routes_are_approved",
        with_device(replace(device("guest"), approved=frozenset({PODS}))),
        "guest is approved for 10.244.0.0/16",
    ),
    ("routes_are_served", with_device(replace(GW1, served=frozenset())), "gw1 serves 10.244.0.0/16: no"),
    (
        "one_device_advertises",
        with_device(replace(device("guest"), advertised=frozenset({SERVICES}))),
        "10.96.0.0/12 is advertised by gw1 and guest",
    ),
    ("gateway_is_a_tagged_device", with_device(replace(GW1, online=False)), "gw1 is offline"),
    ("gateway_is_a_tagged_device", with_device(replace(GW1, tags=frozenset())), "gw1 has the tags []"),
    ("gateway_forwards", replace(WHOLE, forwarding="0"), "gw1: ip_forward is 0"),
    ("service_address_answers", with_answer("laptop", BY_SERVICE, LOST), "10.96.0.0/12 is not reachable"),
    ("pod_address_answers", with_answer("laptop", BY_POD, LOST), "10.244.0.0/16 is not reachable"),
    ("pod_address_answers", with_answer("laptop", BY_POD, "other"), "other answered instead of target-node1"),
    ("service_name_answers", with_answer("laptop", BY_NAME, LOST), "no answer by service name: timeout"),
    ("name_leads_to_the_service", replace(WHOLE, names=()), "not to 10.96.7.7"),
    ("name_leads_to_the_service", replace(WHOLE, names=LOST), "the name leads to timeout"),
    ("stranger_gets_nothing", with_answer("guest", BY_POD, "target-node1"), "guest got target-node1 by pod address"),
    (
        "packets_pass_the_gateway",
        replace(WHOLE, tunnel={**WHOLE.tunnel, "gw1": Wire({})}),
        "5 packets at the end of laptop, 0 at that of the gateway",
    ),
    ("packets_pass_the_gateway", replace(WHOLE, tunnel={"laptop": Wire(), "gw1": Wire()}), "laptop sent nothing"),
    ("only_the_tunnel_is_on_the_wire", on_the_wire("icmp", CLIENT, NODE, ""), "3 packets icmp 198.19.254.10"),
    ("only_the_tunnel_is_on_the_wire", on_the_wire("tcp", CLIENT, GATEWAY, "41641>80"), "3 packets tcp"),
    ("only_the_tunnel_is_on_the_wire", on_the_wire("udp", CLIENT, SERVER, "5000>53"), "3 packets udp"),
    ("full_size_packets_pass", replace(WHOLE, full_size="laptop: ping: 100% packet loss"), "100% packet loss"),
]


def test_a_whole_gateway_has_no_problem() -> None:
    assert failing(WHOLE, WANTED) == {}


@pytest.mark.parametrize(("check", "facts", "words"), DEFECTS, ids=[f"{each[0]}-{n}" for n, each in enumerate(DEFECTS)])
def test_exactly_the_check_of_the_defect_fails(check: str, facts: GatewayFacts, words: str) -> None:
    problems = failing(facts, WANTED)
    assert set(problems) == {check}
    assert words in " / ".join(problems[check])


def test_every_check_has_a_defect() -> None:
    assert {check for check, _facts, _words in DEFECTS} == set(CHECKS)


@pytest.mark.parametrize(
    ("advertised", "approved", "reason"),
    [
        (frozenset(), BOTH, "10.96.0.0/12 is not advertised"),
        (BOTH, frozenset(), "10.96.0.0/12 is not approved"),
        (BOTH, BOTH, "10.96.0.0/12 is not reachable"),
    ],
)
def test_what_is_not_reached_says_which_fact_is_missing(
    advertised: frozenset[str], approved: frozenset[str], reason: str
) -> None:
    facts = with_answer("laptop", BY_SERVICE, LOST)
    facts = replace(facts, devices={"gw1": replace(GW1, advertised=advertised, approved=approved)})
    assert reason in CHECKS["service_address_answers"](facts, WANTED)[0]


@pytest.mark.root
def test_the_capture_tells_what_crosses_an_interface() -> None:
    with subprocess.Popen(
        [sys.executable, wire_capture.__file__, "lo"], stdout=subprocess.PIPE, text=True
    ) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "ready\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 0))
            port = sender.getsockname()[1]
            sender.sendto(b"x", ("127.0.0.2", 40444))
        os.kill(listening.pid, signal.SIGTERM)
        text, _errors = listening.communicate(timeout=10)
    seen: dict[tuple[Any, ...], int] = {tuple(each[:4]): each[4] for each in json.loads(text)}
    assert seen["udp", "127.0.0.1", "127.0.0.2", f"{port}>40444"] >= 1
