# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes are written exactly."""

from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import (
    RouteSyntax,
    covers,
    in_order,
    overlap,
    parse_route,
)


@pytest.mark.parametrize("text", ["10.96.0.0/12", " fd00:96::/108 ", "0.0.0.0/0", "192.168.1.7/32"])
def test_a_route(text: str) -> None:
    assert str(parse_route(text)) == text.strip()


@pytest.mark.parametrize(
    ("text", "cause", "has_host_bits"),
    [
        ("10.96.0.1/12", "has host bits set; the network is 10.96.0.0/12", True),
        ("fd00::1/64", "the network is fd00::/64", True),
        ("10.96.0.0", "no prefix length", False),
        ("10.96.0.0/33", "write it like", False),
        ("services/12", "write it like", False),
        ("", "no prefix length", False),
    ],
)
def test_what_is_no_route(text: str, cause: str, has_host_bits: bool) -> None:
    with pytest.raises(RouteSyntax, match=cause) as caught:
        parse_route(text)
    assert caught.value.has_host_bits is has_host_bits


def test_families_have_nothing_in_common() -> None:
    four, six = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")
    assert not overlap(four, six)
    assert not covers(six, four)
    assert overlap(four, ipaddress.ip_network("10.0.0.0/8"))
    assert overlap(six, ipaddress.ip_network("fd00::/8"))
    assert covers(six, ipaddress.ip_network("fd00::/8"))
    assert not covers(ipaddress.ip_network("10.0.0.0/8"), four)


def test_order_is_that_of_addresses() -> None:
    assert in_order(["fd00::/8", "10.244.0.0/16", "10.96.0.0/12", "10.96.0.0/12"]) == (
        "10.96.0.0/12",
        "10.244.0.0/16",
        "fd00::/8",
    )
