# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints as operators write them."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.endpoint import parse_endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("198.18.1.11", "198.18.1.11", 50000),
        (" 198.18.1.11:1234 ", "198.18.1.11", 1234),
        ("cp1.home.arpa", "cp1.home.arpa", 50000),
        ("https://talos.example", "talos.example", 443),
        ("https://talos.example:50000/", "talos.example", 50000),
        ("fd00::1", "fd00::1", 50000),
        ("[fd00::1]", "fd00::1", 50000),
        ("[fd00::1]:1234", "fd00::1", 1234),
    ],
)
def test_parse(text: str, host: str, port: int) -> None:
    endpoint = parse_endpoint(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "text", ["", "https://", "host:", "host:0", "host:70000", "host:api", "[fd00::1", "[::1]x", "http://host", "a b"]
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        parse_endpoint(text)
