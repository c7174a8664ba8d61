# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of ``allowed_outbound_hosts``: ``scheme://host[:port]`` with wildcards.

Source: spinframework/spin:crates/outbound-networking-config/src/allowed_hosts.rs
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"\*|[a-z][a-z0-9+.-]*")
_PORT = re.compile(r"\*|\d{1,5}(?:\.\.\d{1,5})?")
_CHAINED = ".spin.internal"
_LARGEST_PORT = 65535


class HostError(ValueError):
    """A text is no entry of allowed hosts; the message is the cause."""


def check_outbound_host(entry: str) -> None:
    """Check one entry without templates in it.

    :raises HostError: it is not of the form.
    """
    scheme, separator, rest = entry.partition("://")
    if not separator:
        raise HostError("has no scheme")
    if not _SCHEME.fullmatch(scheme):
        raise HostError(f"has the scheme {scheme!r}")
    host, port = _split(rest.removesuffix("/"))
    if not host or "/" in host or "?" in host or "@" in host:
        raise HostError("has no host, or more than a host and a port")
    if "*" in host and host != "*" and (not host.startswith("*.") or "*" in host[1:]):
        raise HostError("has a wildcard that is not its whole host or first label")
    if port is not None:
        _check_port(port)


def is_chained(entry: str) -> bool:
    """Tell whether an entry allows calls to other components of the same application."""
    host, _port = _split(entry.partition("://")[2].removesuffix("/"))
    return host.endswith(_CHAINED)


def _split(rest: str) -> tuple[str, str | None]:
    if rest.startswith("["):
        host, _bracket, port = rest[1:].partition("]")
        return host, port.removeprefix(":") if port else None
    host, separator, port = rest.partition(":")
    return host, port if separator else None


def _check_port(port: str) -> None:
    if not _PORT.fullmatch(port):
        raise HostError(f"has the port {port!r}")
    if port != "*" and any(int(part) > _LARGEST_PORT for part in port.split("..")):
        raise HostError(f"has the port {port!r}, above {_LARGEST_PORT}")
