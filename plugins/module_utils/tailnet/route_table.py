# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of a tailnet, one after the other: who advertises, for whom it is approved, who serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device, described
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import (
    EXIT_ROUTES,
    RouteSyntax,
    in_order,
    overlap,
    parse_route,
)


@dataclass(frozen=True)
class Route:
    """One route and the devices that have to do with it.

    :ivar serving: those through which traffic goes; None when the server does not say and several may.
    """

    network: str
    advertised_by: tuple[Device, ...]
    approved_for: tuple[Device, ...]
    serving: tuple[Device, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with the names of the devices."""
        return {
            "network": self.network,
            "advertised_by": [device.name for device in self.advertised_by],
            "approved_for": [device.name for device in self.approved_for],
            "serving": None if self.serving is None else [device.name for device in self.serving],
        }


def route_table(devices: Sequence[Device]) -> list[Route]:
    """Return every route that a device advertises or is approved for, in order."""
    networks = in_order(network for device in devices for network in (*device.advertised, *device.approved))
    return [route_of(devices, network) for network in networks]


def route_of(devices: Sequence[Device], network: str) -> Route:
    """Return one route."""
    return Route(
        network,
        tuple(device for device in devices if network in device.advertised),
        tuple(device for device in devices if network in device.approved),
        _serving(devices, network),
    )


def _serving(devices: Sequence[Device], network: str) -> tuple[Device, ...] | None:
    if any(device.serving is not None for device in devices):
        return tuple(device for device in devices if network in (device.serving or ()))
    able = tuple(
        device for device in devices if device.online and network in device.advertised and network in device.approved
    )
    # With one that can, it is the one; among several, the server's choice is not told.
    return able if len(able) < 2 else None


def wanted_routes(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the routes that shall be approved, in order.

    :raises TailnetError: one is no route, or everything.
    """
    wanted = []
    for text in texts:
        try:
            network = str(parse_route(text))
        except RouteSyntax as error:
            raise TailnetError("routes", str(error), "correct the route") from None
        if network in EXIT_ROUTES:
            raise TailnetError("routes", f"{network} is everything: that is an exit node", "name the networks")
        wanted.append(network)
    return in_order(wanted)


def refuse_rivals(devices: Sequence[Device], device: Device, routes: Iterable[str]) -> None:
    """Refuse routes that somebody else is approved for already, or a part or more of them.

    :raises TailnetError: names the other device.
    """
    for route in routes:
        for other in devices:
            rivals = [each for each in other.approved if each in other.advertised and _overlap(each, route)]
            if other.id != device.id and rivals:
                raise TailnetError(
                    f"device {device.hostname or device.name}",
                    f"route {route} has another router: {described([other])[0]} advertises {rivals[0]} and is approved",
                    "withdraw it there, or set failover when one is to stand by for the other",
                )


def _overlap(left: str, right: str) -> bool:
    return overlap(parse_route(left), parse_route(right))
