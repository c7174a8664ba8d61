# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as routes: written exactly, compared as sets of addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

# The routes of an exit node: everything. Source: tailscale/tailscale:net/tsaddr/tsaddr.go.
EXIT_ROUTES = ("0.0.0.0/0", "::/0")


class RouteSyntax(Exception):
    """A text is no route; one line.

    :ivar text: the text; ``has_host_bits``: whether it is an address within a network instead of the network.
    """

    def __init__(self, text: str, cause: str, has_host_bits: bool = False) -> None:
        self.text = text
        self.has_host_bits = has_host_bits
        super().__init__(f"{text!r} is no route: {cause}")


def parse_route(text: str) -> Network:
    """Return the network of a route such as ``10.96.0.0/12``.

    The tailscale client refuses a prefix with host bits set, and an address without a length.
    Source: tailscale/tailscale:net/netutil/routes.go.

    :raises RouteSyntax: it is none.
    """
    stripped = text.strip()
    if "/" not in stripped:
        raise RouteSyntax(text, "it has no prefix length, as in 10.96.0.0/12")
    try:
        return ipaddress.ip_network(stripped)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(stripped, strict=False)
    except ValueError:
        raise RouteSyntax(text, "write it like 10.96.0.0/12 or fd00:96::/108") from None
    raise RouteSyntax(text, f"it has host bits set; the network is {meant}", has_host_bits=True)


def overlap(left: Network, right: Network) -> bool:
    """Return whether two networks, of whatever family, have an address in common."""
    if isinstance(left, ipaddress.IPv4Network):
        return isinstance(right, ipaddress.IPv4Network) and left.overlaps(right)
    return isinstance(right, ipaddress.IPv6Network) and left.overlaps(right)


def covers(wide: Network, narrow: Network) -> bool:
    """Return whether every address of ``narrow`` is in ``wide``."""
    if isinstance(wide, ipaddress.IPv4Network):
        return isinstance(narrow, ipaddress.IPv4Network) and narrow.subnet_of(wide)
    return isinstance(narrow, ipaddress.IPv6Network) and narrow.subnet_of(wide)


def in_order(networks: Iterable[str]) -> tuple[str, ...]:
    """Return the networks once each, IPv4 first, by address and length."""
    parsed = [ipaddress.ip_network(network) for network in set(networks)]
    ordered = sorted(parsed, key=lambda item: (item.version, int(item.network_address), item.prefixlen))
    return tuple(str(network) for network in ordered)
