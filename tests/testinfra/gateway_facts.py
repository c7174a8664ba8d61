# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found out about a gateway from outside: its routes at the server, answers to clients, the path of packets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.tests.testinfra.lab_tailnet import TUNNEL, WIRE, Device, LabTailnet, Wire
from ansible_collections.homelab.talos.tests.testinfra.traffic_questions import POD_PORT, Failure, Target

#: What a client asks for: the pod by service address, by its own address, and by service name.
BY_SERVICE, BY_POD, BY_NAME = "service address", "pod address", "service name"
WAYS = (BY_SERVICE, BY_POD, BY_NAME)
FORWARDING = "/proc/sys/net/ipv4/ip_forward"
# The tunnel carries 1280 bytes, of which ICMP echo takes 28 for headers.
FULL_SIZE = 1280 - 28
_PING_SECONDS = 2


@dataclass(frozen=True)
class Question:
    """Who asks whom: names of the gateway and of the two clients, of which the second has no access."""

    gateway: str
    client: str
    stranger: str


@dataclass(frozen=True)
class GatewayFacts:
    """What was found.

    :ivar devices: name -> device, as the server lists them.
    :ivar answers: client -> way -> what the pod called itself, or :class:`Failure`.
    :ivar names: addresses that the service's name leads to at the client, or :class:`Failure`.
    :ivar forwarding: the gateway's setting, ``1`` when it forwards.
    :ivar full_size: empty when a packet of full size reached the pod and came back, else why not.
    :ivar tunnel: client and gateway -> what crossed its end of the tunnel meanwhile.
    :ivar wire: what crossed the client's wire.
    """

    devices: Mapping[str, Device]
    answers: Mapping[str, Mapping[str, str]]
    names: tuple[str, ...] | Failure
    forwarding: str
    full_size: str
    tunnel: Mapping[str, Wire]
    wire: Wire


def look(tailnet: LabTailnet, question: Question, target: Target, name: str) -> GatewayFacts:
    """Find everything out, once.

    :param target: the pod behind the gateway, and its service; *name* is the full name of that service.
    """
    urls = {
        BY_SERVICE: f"http://{target.service}/hostname",
        BY_POD: f"http://{target.pod}:{POD_PORT}/hostname",
        BY_NAME: f"http://{name}/hostname",
    }
    asked: list[dict[str, Any]] = [{"get": urls[way]} for way in WAYS]
    with ExitStack() as listening:
        # The gateway's first, and last in the end: what is on its way then has arrived.
        far = listening.enter_context(tailnet.capture(question.gateway, TUNNEL))
        near = listening.enter_context(tailnet.capture(question.client, TUNNEL))
        wires = listening.enter_context(tailnet.capture(question.client, WIRE))
        *found, resolved = tailnet.ask(question.client, [*asked, {"resolve": name}])
        full_size = _ping(tailnet, question.client, target.pod)
    return GatewayFacts(
        devices=tailnet.devices(),
        answers={
            question.client: dict(zip(WAYS, map(_value, found), strict=True)),
            question.stranger: dict(zip(WAYS, map(_value, tailnet.ask(question.stranger, asked)), strict=True)),
        },
        names=Failure(resolved["error"]) if "error" in resolved else tuple(resolved.get("addresses", ())),
        forwarding=tailnet.on(question.gateway, "cat", FORWARDING).strip(),
        full_size=full_size,
        tunnel={question.client: near[0], question.gateway: far[0]},
        wire=wires[0],
    )


def _value(answer: Mapping[str, Any]) -> str:
    if "error" in answer:
        return Failure(answer["error"])
    return answer["body"] if answer["status"] == 200 else Failure(f"status {answer['status']}")


def _ping(tailnet: LabTailnet, client: str, address: str) -> str:
    """Return why a packet of full size, which nobody may split, did not come back; empty when it did."""
    words = ("ping", "-c", "1", "-W", str(_PING_SECONDS), "-M", "do", "-s", str(FULL_SIZE), address)
    try:
        tailnet.on(client, *words)
    except AssertionError as error:
        return str(error)
    return ""
