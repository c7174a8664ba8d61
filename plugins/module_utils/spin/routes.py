# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of HTTP triggers: their form, and which of them are the same.

Source: spinframework/spin:crates/routes/src/lib.rs
"""

from __future__ import annotations

RESERVED = "/.well-known/spin"
_ANY = "..."


class RouteError(ValueError):
    """A text is no route; the message is the cause."""


def normal_route(route: str) -> str:
    """Return a form of a route that is equal for routes that answer the same requests.

    :param route: such as ``/a``, ``/a/...`` or ``/users/:id``.
    :raises RouteError: it is no route, or reserved for the host.
    """
    if any(character.isspace() or character in "?#" for character in route):
        raise RouteError("holds a character that is never in a path")
    segments = [segment for segment in route.split("/") if segment]
    if _ANY in segments[:-1]:
        raise RouteError(f"has {_ANY} before its end")
    for segment in segments:
        if segment == ":" or (segment != _ANY and segment.endswith(_ANY)):
            raise RouteError(f"has the segment {segment!r}")
    path = "/" + "/".join(":" if segment.startswith(":") else segment for segment in segments)
    if path == RESERVED or path.startswith(f"{RESERVED}/"):
        raise RouteError(f"begins with {RESERVED}, which the host answers itself")
    return path
