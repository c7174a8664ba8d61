# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of a gateway, judged from what was found: one function for each fact, with problems in words."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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

WIREGUARD_PORT, STUN_PORT, HTTPS_PORT = "41641", "3478", "443"


@dataclass(frozen=True)
class Wanted:
    """What the scenario declares.

    :ivar question: who asks whom.
    :ivar services, pods: the two routes.
    :ivar tag: of the gateway.
    :ivar pod: what the pod behind the gateway calls itself; *service* is the address of its service.
    :ivar client_address, gateway_address, server_address: on the wires outside of the tunnel.
    """

    question: Question
    services: str
    pods: str
    tag: str
    pod: str
    service: str
    client_address: str
    gateway_address: str
    server_address: str

    @property
    def routes(self) -> frozenset[str]:
        """Both routes."""
        return frozenset({self.services, self.pods})


Check = Callable[[GatewayFacts, Wanted], list[str]]


def routes_are_advertised(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The gateway advertises exactly the declared routes."""
    device = facts.devices.get(wanted.question.gateway)
    found = device.advertised if device else frozenset()
    return _differences(found, wanted.routes, f"{wanted.question.gateway} advertises")


def routes_are_approved(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The server has approved exactly the declared routes, and only for the gateway."""
    device = facts.devices.get(wanted.question.gateway)
    found = device.approved if device else frozenset()
    others = [f"{each.name} is approved for {route}" for each in _others(facts, wanted) for route in each.approved]
    return _differences(found, wanted.routes, f"{wanted.question.gateway} is approved for") + sorted(others)


def routes_are_served(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """What is advertised and approved is given to clients."""
    device = facts.devices.get(wanted.question.gateway)
    found = device.served if device else frozenset()
    return _differences(found, wanted.routes, f"{wanted.question.gateway} serves")


def one_device_advertises(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """Nobody but the gateway advertises a route; the problem names both."""
    return [
        f"{route} is advertised by {wanted.question.gateway} and {other.name}"
        for other in _others(facts, wanted)
        for route in sorted(other.advertised)
    ]


def gateway_is_a_tagged_device(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The gateway is online, with its tag."""
    device = facts.devices.get(wanted.question.gateway)
    if device is None:
        return [f"{wanted.question.gateway} is no device of the tailnet"]
    problems = [] if device.online else [f"{device.name} is offline"]
    return problems + ([] if device.tags == {wanted.tag} else [f"{device.name} has the tags {sorted(device.tags)}"])


def gateway_forwards(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The kernel of the gateway forwards."""
    return [] if facts.forwarding == "1" else [f"{wanted.question.gateway}: ip_forward is {facts.forwarding}"]


def service_address_answers(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The client reaches the pod at the address of its service."""
    return _answer(facts, wanted, BY_SERVICE, wanted.services)


def pod_address_answers(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The client reaches the pod at its own address."""
    return _answer(facts, wanted, BY_POD, wanted.pods)


def service_name_answers(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The client reaches the pod at the name of its service."""
    return _answer(facts, wanted, BY_NAME, wanted.services)


def name_leads_to_the_service(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """The tailnet's DNS asks the cluster's."""
    return [] if facts.names == (wanted.service,) else [f"the name leads to {facts.names}, not to {wanted.service}"]


def stranger_gets_nothing(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """A client to whom the policy gives nothing has no answer."""
    stranger = wanted.question.stranger
    answers = facts.answers[stranger]
    return [f"{stranger} got {answers[way]} by {way}" for way in WAYS if not isinstance(answers[way], Failure)]


def packets_pass_the_gateway(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """What crosses the client's end of the tunnel for the cluster, crosses the gateway's, packet for packet."""
    ends = {name: _of_the_cluster(wire, wanted) for name, wire in facts.tunnel.items()}
    client, gateway = ends[wanted.question.client], ends[wanted.question.gateway]
    if not any(client.values()):
        return [f"{wanted.question.client} sent nothing into the tunnel for the cluster"]
    counts = {key: (client.get(key, 0), gateway.get(key, 0)) for key in sorted(client.keys() | gateway.keys())}
    return [
        f"{' '.join(key)}: {near} packets at the end of {wanted.question.client}, {far} at that of the gateway"
        for key, (near, far) in counts.items()
        if near != far
    ]


def _of_the_cluster(wire: Wire, wanted: Wanted) -> dict[tuple[str, str, str, str], int]:
    """Return what has an end in the cluster."""
    networks = [ipaddress.ip_network(route) for route in wanted.routes]
    return {
        key: count
        for key, count in wire.packets.items()
        if any(end and ipaddress.ip_address(end) in network for end in key[1:3] for network in networks)
    }


def only_the_tunnel_is_on_the_wire(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """On the client's wire there is the tunnel, and what keeps it up."""
    return [
        f"{count} packets {protocol} {source} to {target} {ports} outside of the tunnel".replace("  ", " ")
        for (protocol, source, target, ports), count in facts.wire.packets.items()
        if not _expected(protocol, {source, target}, ports.split(">"), wanted)
    ]


def full_size_packets_pass(facts: GatewayFacts, wanted: Wanted) -> list[str]:
    """A packet as large as the tunnel allows comes back."""
    return [facts.full_size] if facts.full_size else []


CHECKS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        routes_are_advertised,
        routes_are_approved,
        routes_are_served,
        one_device_advertises,
        gateway_is_a_tagged_device,
        gateway_forwards,
        service_address_answers,
        pod_address_answers,
        service_name_answers,
        name_leads_to_the_service,
        stranger_gets_nothing,
        packets_pass_the_gateway,
        only_the_tunnel_is_on_the_wire,
        full_size_packets_pass,
    )
}


def failing(facts: GatewayFacts, wanted: Wanted) -> dict[str, list[str]]:
    """Return check -> problems, of the checks that fail."""
    found = {name: check(facts, wanted) for name, check in CHECKS.items()}
    return {name: problems for name, problems in found.items() if problems}


def _others(facts: GatewayFacts, wanted: Wanted) -> list[Device]:
    return [device for name, device in sorted(facts.devices.items()) if name != wanted.question.gateway]


def _differences(found: frozenset[str], wanted: frozenset[str], words: str) -> list[str]:
    missing = [f"{words} {route}: no" for route in sorted(wanted - found)]
    return missing + [f"{words} {route}, which is not declared" for route in sorted(found - wanted)]


def _answer(facts: GatewayFacts, wanted: Wanted, way: str, route: str) -> list[str]:
    answer = facts.answers[wanted.question.client][way]
    if answer == wanted.pod:
        return []
    if not isinstance(answer, Failure):
        return [f"by {way}, {answer} answered instead of {wanted.pod}"]
    return [f"no answer by {way}: {answer} ({_reason(facts, wanted, route)})"]


def _reason(facts: GatewayFacts, wanted: Wanted, route: str) -> str:
    """Return which of the three facts about a route is missing."""
    device = facts.devices.get(wanted.question.gateway)
    if device is None or route not in device.advertised:
        return f"{route} is not advertised"
    return f"{route} is not reachable" if route in device.approved else f"{route} is not approved"


def _expected(protocol: str, ends: set[str], ports: list[str], wanted: Wanted) -> bool:
    if protocol in ("arp", "ipv6"):
        return True
    if ends == {wanted.client_address, wanted.gateway_address}:
        return protocol == "udp" and WIREGUARD_PORT in ports
    server = {("tcp", HTTPS_PORT), ("udp", STUN_PORT)}
    return ends == {wanted.client_address, wanted.server_address} and any((protocol, port) in server for port in ports)
