# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging routes: advertised, approved, served and reachable are four facts, and each has a check of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    check_result,
    count,
    verdict,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.observation import RoutingObservation
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device, described, devices_called
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import overlap, parse_route
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.route_table import route_of

LAYER = "L4"
_APPROVE = "approve it with playbooks/gateway.yml, or by autoApprovers of the policy"


@dataclass(frozen=True)
class Check:
    """One check.

    :ivar condition: what is awaited, completing "waiting for".
    :ivar asks_server: whether it needs what the coordination server says.
    """

    id: str
    condition: str
    judge: Callable[[RoutingObservation], Verdict]
    asks_server: bool = True


def gateway_in_tailnet(observation: RoutingObservation) -> Verdict:
    """Every gateway is one device of the tailnet, connected and allowed to take part."""
    return verdict(_absent_gateways(observation), count(len(observation.gateways), "gateway"))


def route_advertised(observation: RoutingObservation) -> Verdict:
    """Every gateway advertises exactly its networks."""
    return verdict(_advertising(observation), f"{_listed(observation.networks)} advertised")


def route_approved(observation: RoutingObservation) -> Verdict:
    """Every network is approved for its gateways."""
    problems = []
    for gateway, network in observation.routes:
        device = observation.device_of(gateway)
        if device is not None and network in device.advertised and network not in device.approved:
            message = f"route {network} is advertised and not approved: no traffic goes there"
            problems.append(Problem(message, gateway.host, network, _APPROVE))
    return verdict(problems, f"{_listed(observation.networks)} approved")


def route_served(observation: RoutingObservation) -> Verdict:
    """Traffic for every network goes through exactly one device, and that is one of its gateways."""
    problems, good = [], []
    for network in observation.networks:
        own = [device for device in map(observation.device_of, observation.gateways_of(network)) if device is not None]
        able = [each for each in own if each.online and network in each.advertised and network in each.approved]
        serving = route_of(observation.devices or (), network).serving
        if not able or serving is None:
            continue
        if len(serving) == 1 and serving[0] in own:
            good.append(network)
            continue
        seen = f"is served by {', '.join(described(serving))}" if serving else "is served by nobody"
        fix = "withdraw it from the others" if serving else "see that the gateway is connected"
        problems.append(Problem(f"route {network} {seen}", path=network, fix=fix))
    return verdict(problems, f"{_listed(tuple(good)) or 'none that could be'} served by one device each")


def route_single(observation: RoutingObservation) -> Verdict:
    """Nobody but the gateways of the inventory advertises their networks, or a part of them."""
    problems = []
    own = {device.id for device in map(observation.device_of, observation.gateways) if device is not None}
    for network in observation.networks:
        gateways = observation.gateways_of(network)
        names = " and ".join(gateway.hostname for gateway in gateways)
        for other in observation.devices or ():
            if other.id not in own and any(_overlap(each, network) for each in other.advertised):
                message = f"route {network} is advertised by {names} and by {described([other])[0]}"
                fix = "stop advertising it there; until then do not approve it"
                problems.append(Problem(message, gateways[0].host, network, fix))
        if len(gateways) > 1 and not observation.failover:
            message = f"route {network} is advertised by {names}"
            problems.append(
                Problem(message, gateways[0].host, network, "keep one, or set talos_cluster.gateway_failover")
            )
    return verdict(problems, f"only the {'gateways' if len(own) > 1 else 'gateway'} of the inventory")


def route_reachable(observation: RoutingObservation) -> Verdict:
    """Something behind every network was reached from outside of the cluster."""
    if observation.tried is None:
        return Verdict(skipped="nobody outside of the cluster tried")
    problems = [
        Problem(
            f"{each.target} is not reached from {each.source or 'outside'} ({each.observed or 'no answer'}): "
            + (cause or "the server has done its part"),
            path=each.network,
            fix=fix,
        )
        for each in observation.tried
        if not each.ok
        for cause, fix in [_why(observation, each.network)]
    ]
    reached = {each.network for each in observation.tried}
    problems += [
        Problem(f"nothing behind {network} was tried", path=network, fix="try something there")
        for network in observation.networks
        if network not in reached
    ]
    return verdict(problems, f"{_listed(observation.networks)} reached")


CHECKS: tuple[Check, ...] = (
    Check("gateway-in-tailnet", "all gateways to be in the tailnet", gateway_in_tailnet),
    Check("route-advertised", "all routes to be advertised", route_advertised),
    Check("route-approved", "all routes to be approved", route_approved),
    Check("route-served", "all routes to be served by one device", route_served),
    Check("route-single", "no other device to advertise the routes", route_single),
    Check("route-reachable", "all routes to be reachable from outside", route_reachable, asks_server=False),
)
CHECK_IDS = tuple(check.id for check in CHECKS)


def judge(observation: RoutingObservation) -> list[CheckResult]:
    """Return the result of every check, in order. They are facts of their own: none is blocked by another.

    Only what nobody could ask the server is blocked, by the first check, which says why.
    """
    return (
        [check_result(check.id, LAYER, check.condition, _verdict(observation, check)) for check in CHECKS]
        if (not observation.error)
        else [_without_server(observation, check) for check in CHECKS]
    )


def _verdict(observation: RoutingObservation, check: Check) -> Verdict:
    if not observation.networks:
        return Verdict(skipped="no gateway of the inventory advertises anything")
    if check.asks_server and observation.devices is None:
        return Verdict(skipped=observation.nobody_asked or "no coordination server was asked")
    return check.judge(observation)


def _without_server(observation: RoutingObservation, check: Check) -> CheckResult:
    if check is CHECKS[0]:
        problem = Problem(f"the coordination server cannot be asked: {observation.error}")
        return check_result(check.id, LAYER, check.condition, Verdict((problem,)))
    if check.asks_server:
        return CheckResult(check.id, LAYER, "blocked", f"blocked by {CHECKS[0].id}")
    return check_result(check.id, LAYER, check.condition, _verdict(observation, check))


def _absent_gateways(observation: RoutingObservation) -> Iterator[Problem]:
    for gateway in observation.gateways:
        found = devices_called(observation.devices or (), gateway.hostname)
        if not found:
            fix = "see the log of ext-tailscale on it, and that its key can be used"
            yield Problem(f"no device {gateway.hostname} is in the tailnet", gateway.host, fix=fix)
        elif len(found) > 1:
            names = ", ".join(described(found))
            message = f"{len(found)} devices are called {gateway.hostname}: {names}"
            yield Problem(message, gateway.host, fix="remove those that are gone from the tailnet")
        elif not found[0].online:
            yield Problem(
                f"device {gateway.hostname} is offline", gateway.host, fix="see the log of ext-tailscale on it"
            )
        elif not found[0].authorized:
            yield Problem(f"device {gateway.hostname} is not authorized", gateway.host, fix="approve the device")


def _advertising(observation: RoutingObservation) -> Iterator[Problem]:
    for gateway in observation.gateways:
        device = observation.device_of(gateway)
        if device is None:
            continue
        for network in gateway.routes:
            if network not in device.advertised:
                message = f"route {network} is not advertised"
                fix = "apply the machine configuration, and see TS_ROUTES of its ExtensionServiceConfig"
                yield Problem(message, gateway.host, network, fix)
        for network in device.advertised:
            if network not in gateway.routes:
                message = f"route {network} is advertised and not of the inventory"
                yield Problem(message, gateway.host, network, "apply the machine configuration, or declare it")


def _why(observation: RoutingObservation, network: str) -> tuple[str, str]:
    """Return what the server knows to be missing for a network that is not reached, and what to do."""
    if observation.devices is None:
        return "what the coordination server says is not known", "declare talos_tailnet_api to learn more"
    gateways = [(gateway, observation.device_of(gateway)) for gateway in observation.gateways_of(network)]
    devices = [device for _gateway, device in gateways if device is not None]
    hosts = " and ".join(gateway.hostname for gateway, _device in gateways) or "no gateway"
    if not any(device.online for device in devices):
        return f"{hosts} is not connected to the tailnet", "see the log of ext-tailscale on it"
    if not any(network in device.advertised for device in devices):
        return f"route {network} is not advertised by {hosts}", "apply the machine configuration of the gateway"
    if not any(network in device.approved for device in devices):
        return f"route {network} is not approved for {hosts}", _APPROVE
    if (other := _served_elsewhere(observation, network, devices)) is not None:
        return f"route {network} is served by {described([other])[0]}", "withdraw it from that device"
    return "", (
        "look at forwarding, SNAT and the proxy on the gateway, at the policy of the tailnet, at accept-routes of the "
        "client, and at the MTU"
    )


def _served_elsewhere(observation: RoutingObservation, network: str, own: list[Device]) -> Device | None:
    serving = route_of(observation.devices or (), network).serving or ()
    return next((device for device in serving if device not in own), None)


def _overlap(left: str, right: str) -> bool:
    return overlap(parse_route(left), parse_route(right))


def _listed(networks: tuple[str, ...]) -> str:
    return ", ".join(networks)
