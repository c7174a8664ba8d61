# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which component answers a path.

Source: spinframework/spin:crates/routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal

WILDCARD = "..."
_LITERAL, _PARAMETER, _REST = range(3)


@dataclass(frozen=True)
class Match:
    """What a route found in a path.

    Parameters: *route* as in the manifest; *component* id; *path_info* what a trailing wildcard covers; *parameters*
    name -> value of its wildcards.
    """

    route: str
    component: str
    path_info: str
    parameters: Mapping[str, str]

    @property
    def prefix(self) -> str:
        """The route without its trailing wildcard."""
        return self.route.removesuffix(WILDCARD).rstrip("/")


class Routes:
    """The routes of an app: route -> component id. Raises :class:`Refusal` for two that cover the same paths."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        self._routes: list[tuple[list[str], str, str]] = []
        seen: dict[tuple[str, ...], str] = {}
        for route, component in routes.items():
            if not route.startswith("/"):
                raise Refusal(f"route {route!r} of component {component} does not begin with /: write /{route}")
            segments = _segments(route)
            shape = tuple(":" if each.startswith(":") else each for each in segments)
            if shape in seen:
                raise Refusal(f"routes {seen[shape]} and {route} cover the same paths: change one of them")
            seen[shape] = route
            self._routes.append((segments, route, component))
        # The most specific first: at the first segment in which two differ, a name beats a wildcard.
        self._routes.sort(key=lambda each: [_rank(segment) for segment in each[0]] + [_LITERAL - 1])

    def find(self, path: str) -> Match | None:
        """Return the match of *path* (without query), None when no route covers it."""
        segments = _segments(path)
        for pattern, route, component in self._routes:
            parameters = _matched(pattern, segments)
            if parameters is not None:
                info = ""
                if pattern[-1:] == [WILDCARD]:
                    rest = segments[len(pattern) - 1 :]
                    info = "/" + "/".join(rest) if rest else ""
                    info += "/" if rest and path.endswith("/") else ""
                return Match(route, component, info, parameters)
        return None


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _rank(segment: str) -> int:
    if segment == WILDCARD:
        return _REST
    return _PARAMETER if segment.startswith(":") else _LITERAL


def _matched(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, expected in enumerate(pattern):
        if expected == WILDCARD:
            return parameters
        if index >= len(segments):
            return None
        if expected.startswith(":"):
            parameters[expected[1:]] = segments[index]
        elif expected != segments[index]:
            return None
    return parameters if len(segments) == len(pattern) else None
