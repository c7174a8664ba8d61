# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the routes of a cluster: what they shall be, what the server says, what was tried outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import Device, devices_called


@dataclass(frozen=True)
class ExpectedGateway:
    """A gateway of the inventory.

    :ivar host: its name in the inventory.
    :ivar hostname: what it calls itself in the tailnet.
    :ivar routes: the networks that it shall advertise.
    """

    host: str
    hostname: str
    routes: tuple[str, ...]


@dataclass(frozen=True)
class Tried:
    """One try, from outside of the cluster, to reach something behind a route.

    :ivar network: the route; ``target``: what was to be reached; ``source``: from where.
    :ivar observed: what was seen instead of an answer.
    """

    network: str
    target: str
    ok: bool
    observed: str = ""
    source: str = ""


@dataclass(frozen=True)
class RoutingObservation:
    """Everything that the checks judge.

    :ivar gateways: those of the inventory.
    :ivar devices: all devices of the tailnet; None when nobody was asked.
    :ivar error: why the server could not be asked; ``nobody_asked``: why it was not.
    :ivar tried: what was tried from outside; None when nothing was.
    :ivar failover: whether several gateways may be there for one network.
    """

    gateways: tuple[ExpectedGateway, ...]
    devices: tuple[Device, ...] | None = None
    error: str = ""
    nobody_asked: str = ""
    tried: tuple[Tried, ...] | None = None
    failover: bool = False

    @property
    def routes(self) -> Iterator[tuple[ExpectedGateway, str]]:
        """Every gateway with every network that it shall advertise."""
        return ((gateway, network) for gateway in self.gateways for network in gateway.routes)

    @property
    def networks(self) -> tuple[str, ...]:
        """Every network that shall be reached, once."""
        return tuple(dict.fromkeys(network for _gateway, network in self.routes))

    def device_of(self, gateway: ExpectedGateway) -> Device | None:
        """Return the device of a gateway; None when there is none, or several."""
        found = devices_called(self.devices or (), gateway.hostname)
        return found[0] if len(found) == 1 else None

    def gateways_of(self, network: str) -> tuple[ExpectedGateway, ...]:
        """Return the gateways that shall advertise a network."""
        return tuple(gateway for gateway in self.gateways if network in gateway.routes)
