# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A component reaches the hosts of its manifest and no others."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
from ansible_collections.homelab.talos.lab.spin.host.outbound import Denied, Outbound, Unreachable, covers


@pytest.mark.parametrize(
    ("allowed", "scheme", "authority"),
    [
        ("https://api.test", "https", "api.test"),
        ("https://api.test", "https", "api.test:443"),
        ("http://api.test:8080", "http", "api.test:8080"),
        ("https://*.test", "https", "a.b.test"),
        ("*://api.test:*", "http", "api.test:99"),
        ("http://*:80", "http", "10.0.0.1"),
        ("http://api.test:8000..8100", "http", "api.test:8050"),
        ("http://self", "http", "one.spin.internal"),
        ("insecure:allow-all", "http", "anything:1"),
    ],
)
def test_what_an_entry_covers(allowed: str, scheme: str, authority: str) -> None:
    assert covers(allowed, scheme, authority)


@pytest.mark.parametrize(
    ("allowed", "scheme", "authority"),
    [
        ("https://api.test", "http", "api.test"),
        ("https://api.test", "https", "api.test:8443"),
        ("https://api.test", "https", "api.test.evil"),
        ("https://*.test", "https", "test"),
        ("http://api.test:8000..8100", "http", "api.test:8100"),
        ("api.test", "http", "api.test"),
    ],
)
def test_what_an_entry_does_not_cover(allowed: str, scheme: str, authority: str) -> None:
    assert not covers(allowed, scheme, authority)


def test_a_host_that_is_not_allowed_is_named() -> None:
    with pytest.raises(Denied) as denied:
        Outbound.require_allowed("one", ["https://api.test"], "http", "other.test:80")
    assert str(denied.value) == (
        "component one may not send requests to http://other.test:80:"
        " add it to allowed_outbound_hosts of the component in spin.toml"
    )


def test_a_component_of_the_app_is_called_by_its_name() -> None:
    asked: list[str] = []

    def ask(name: str, request: Request) -> Answer | None:
        asked.append(name)
        return Answer(200) if name == "two" else None

    outbound = Outbound(ask)
    assert outbound.ask(Request("GET", "/", "two.spin.internal"), 1.0).status == 200
    with pytest.raises(Unreachable, match="destination-not-found"):
        outbound.ask(Request("GET", "/", "three.spin.internal"), 1.0)
    assert asked == ["two", "three"]
