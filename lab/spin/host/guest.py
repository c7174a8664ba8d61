# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One instance of a component while it serves one request: what it may reach, and what it holds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ansible_collections.homelab.talos.lab.spin.host.values import Resource

if TYPE_CHECKING:
    from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
    from ansible_collections.homelab.talos.lab.spin.host.key_value_file import KeyValueFiles
    from ansible_collections.homelab.talos.lab.spin.host.outbound import Outbound


@dataclass(frozen=True)
class Permissions:
    """What the manifest lets one component use.

    Parameters: *component* id; *variables* it sees; *environment* of its process; *key_value_stores* and
    *allowed_outbound_hosts* as the manifest names them; *files* path of a guest -> path of this machine.
    """

    component: str
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    key_value_stores: Sequence[str] = ()
    allowed_outbound_hosts: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What all components of an app share: the key-value stores, the way out, and where their output goes."""

    stores: KeyValueFiles
    outbound: Outbound
    write_output: Callable[[str, bytes], None]


class Guest:
    """The host's side of one instance; implements ``values.Handles``.

    *numbers* tells the number of each type of resource; *deadline* is when the request has lasted too long
    (``time.monotonic()``).
    """

    def __init__(
        self,
        permissions: Permissions,
        surroundings: Surroundings,
        request: Request,
        deadline: float,
        numbers: Mapping[str, int],
    ) -> None:
        self.permissions = permissions
        self.surroundings = surroundings
        self.request = request
        self.deadline = deadline
        self.answer: Callable[[], Answer] | None = None
        self._numbers = numbers
        self._held: dict[int, Resource] = {}
        self._counter = itertools.count(1)

    def hand_out(self, resource: Resource) -> int:
        """Return a new handle for *resource*."""
        handle = next(self._counter)
        self._held[handle] = resource
        return handle

    def behind(self, handle: int) -> Resource:
        """Return what is behind a handle."""
        return self._held[handle]

    def drop(self, handle: int) -> None:
        """Forget a handle: the guest dropped it."""
        self._held.pop(handle, None)

    def type_of(self, resource: Resource) -> int:
        """Return the number of a resource's type."""
        return self._numbers[resource.wit]

    @property
    def seconds_left(self) -> float:
        """Seconds until the request has lasted too long, at least 0."""
        return max(0.0, self.deadline - time.monotonic())
