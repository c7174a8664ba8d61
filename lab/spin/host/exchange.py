# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request to an app and the answer of one of its components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Headers = list[tuple[str, bytes]]


@dataclass
class Request:
    """An HTTP request.

    Parameters: *method* in upper case; *path* with query as it was sent; *authority* host and port; *headers* with
    names in lower case; *body*; *client* address and port of the peer; *scheme*.
    """

    method: str
    path: str
    authority: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    client: str = ""
    scheme: str = "http"

    def header(self, name: str) -> str:
        """Return the first header called *name* (lower case), empty when there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


@dataclass
class Answer:
    """What a component answered: *status*, *headers*, *body*."""

    status: int
    headers: Sequence[tuple[str, bytes]] = ()
    body: bytes = b""
