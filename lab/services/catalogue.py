# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of service a lab can have, by the names that its description uses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.links import OUTSIDE
from ansible_collections.homelab.talos.lab.services.description import ServiceDescription
from ansible_collections.homelab.talos.lab.services.headscale import Headscale
from ansible_collections.homelab.talos.lab.services.kind import ServiceKind
from ansible_collections.homelab.talos.lab.services.registry import Registry
from ansible_collections.homelab.talos.lab.services.tailnet_client import TailnetClient

KINDS: Mapping[str, ServiceKind] = {"registry": Registry(), "headscale": Headscale(), "tailnet-client": TailnetClient()}


def programs_of(services: Iterable[ServiceDescription]) -> set[str]:
    """Return the optional programs of the engine that *services* need."""
    return {program for service in services for program in KINDS[service.kind].programs}


def has_tailnet(services: Iterable[ServiceDescription]) -> bool:
    """Tell whether one of *services* coordinates a tailnet."""
    return any(service.kind == "headscale" for service in services)


def check_services(services: Sequence[ServiceDescription], subnet: str) -> None:
    """Refuse services of unknown kinds, at addresses that cannot be theirs, or that their kind refuses.

    *subnet* is that of the lab. Raises :class:`LabError`; whether a name or an address is taken is for the lab to say.
    """
    for service in services:
        if service.kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise LabError(f"service {service.name}: kind {service.kind!r} is not known", f"known kinds are {known}")
        _check_address(service, ipaddress.IPv4Network(subnet))
    for service in services:
        KINDS[service.kind].check(service, services)


def _check_address(service: ServiceDescription, subnet: ipaddress.IPv4Network) -> None:
    try:
        address = ipaddress.IPv4Address(service.address)
    except ValueError:
        raise LabError(
            f"service {service.name}: address {service.address!r} is none", f"choose one of {subnet}"
        ) from None
    if address not in subnet and address not in OUTSIDE:
        cause = f"service {service.name}: address {address} is neither in {subnet} nor in {OUTSIDE} (outside)"
        raise LabError(cause, "choose a free address of one of them")
    if address in OUTSIDE and subnet.overlaps(OUTSIDE):
        raise LabError(f"subnet {subnet} overlaps {OUTSIDE}, the network outside", "choose another subnet")
