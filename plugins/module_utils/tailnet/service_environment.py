# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the environment of the tailscale service asks for, read back from its document.

Source: tailscale/tailscale:cmd/containerboot/settings.go.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TRUE = ("1", "t", "true")


@dataclass(frozen=True)
class ServiceEnvironment:
    """The environment of the service.

    :ivar variables: name to value; of a name that comes twice the later one.
    :ivar flags: the arguments of ``tailscale up``, without dashes, to their values; ``true`` for one without a value.
    :ivar broken: why the arguments cannot be read, empty when they can.
    """

    variables: Mapping[str, str]
    flags: Mapping[str, str]
    broken: str = ""

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes as they are written, those of the arguments too."""
        texts = (self.variables.get("TS_ROUTES", ""), self.flags.get("advertise-routes", ""))
        return tuple(part for text in texts for part in text.split(",") if part.strip())

    def is_on(self, variable: str) -> bool:
        """Return whether a variable says yes."""
        return self.variables.get(variable, "").lower() in _TRUE

    def has_flag(self, name: str) -> bool:
        """Return whether a flag of ``tailscale up`` is set."""
        return self.flags.get(name, "false").lower() in _TRUE

    def is_off(self, name: str) -> bool:
        """Return whether a flag is there and says no."""
        return name in self.flags and not self.has_flag(name)


def read_environment(entries: Iterable[str]) -> ServiceEnvironment:
    """Return what a list of ``NAME=value`` asks for."""
    variables = {name: value for name, _separator, value in (str(entry).partition("=") for entry in entries)}
    try:
        words = shlex.split(variables.get("TS_EXTRA_ARGS", ""))
    except ValueError as error:
        return ServiceEnvironment(variables, {}, str(error))
    return ServiceEnvironment(variables, _flags(words))


def _flags(words: list[str]) -> dict[str, str]:
    """Return the flags of Go's kind: ``-a=b``, ``--a=b``, ``--a b`` and ``--a``."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        if not word.startswith("-"):
            continue
        name, separator, value = word.lstrip("-").partition("=")
        following = words[index + 1] if index + 1 < len(words) else "-"
        found[name] = value if separator else ("true" if following.startswith("-") else following)
    return found
