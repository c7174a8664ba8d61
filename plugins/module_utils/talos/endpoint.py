# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Talos API listens, as an operator writes it.

Source: siderolabs/talos:pkg/machinery/client/ (host, host:port or https://host)
"""

from __future__ import annotations

from dataclasses import dataclass

API_PORT = 50000
HTTPS_PORT = 443


@dataclass(frozen=True)
class Endpoint:
    """A host (name or literal address, without brackets) and a TCP port."""

    host: str
    port: int = API_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Parse ``host``, ``host:port``, ``[v6]:port``, a bare IPv6 address, or ``https://host[:port]``.

    Without a port it is 50000, with https:// 443. Raises ValueError naming the text.
    """
    default_port = API_PORT
    rest = text.strip()
    if rest.startswith("https://"):
        default_port = HTTPS_PORT
        rest = rest.removeprefix("https://").rstrip("/")
    port_text: str | None = None
    if rest.startswith("["):
        host, bracket, after = rest[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise ValueError(f"endpoint {text!r}: expected [address]:port")
        port_text = after[1:] if after else None
    elif rest.count(":") == 1:
        host, colon, port_text = rest.partition(":")
    else:
        host = rest
    if not host or any(character in host for character in "/ @"):
        raise ValueError(f"endpoint {text!r}: expected host, host:port or https://host")
    return Endpoint(host, default_port if port_text is None else _port(text, port_text))


def _port(text: str, port_text: str) -> int:
    if not port_text.isdecimal() or not 0 < int(port_text) < 65536:
        raise ValueError(f"endpoint {text!r}: {port_text!r} is not a TCP port")
    return int(port_text)
