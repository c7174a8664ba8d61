# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One API call as the handlers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[["Call"], Awaitable[Any] | AsyncIterator[Any]]
Handlers = dict[str, Handler]


@dataclass(frozen=True)
class Call:
    """A request after authentication.

    ``path`` is ``/package.Service/Method``; ``request`` is None for a client stream, whose messages
    come from ``requests``. ``roles`` are the effective ones.
    """

    path: str
    request: Any
    roles: frozenset[str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    requests: AsyncIterator[Any] | None = None
    peer: str = ""
