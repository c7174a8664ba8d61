# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing among upstreams by score and by distance, as KubePrism does.

Source: siderolabs/go-loadbalancer:upstream/upstream.go and loadbalancer/node.go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint

LOWEST, HIGHEST, INITIAL = -3, 3, 1
#: From how many seconds on a dial puts an upstream into the next tier.
_TIERS = (0.0001, 0.001, 0.01, 0.1, 1.0)
_INITIAL_TIER = 1


@dataclass
class _Upstream:
    score: int = INITIAL
    tier: int = _INITIAL_TIER


class Upstreams:
    """The upstreams of a balancer. One whose score fell below zero is left out until its health comes back."""

    def __init__(self) -> None:
        self._upstreams: dict[Endpoint, _Upstream] = {}
        self._last: Endpoint | None = None

    def reconcile(self, endpoints: Iterable[Endpoint]) -> None:
        """Make the set equal to *endpoints*; those that stay keep what is known of them."""
        self._upstreams = {each: self._upstreams.get(each, _Upstream()) for each in endpoints}

    @property
    def all(self) -> list[Endpoint]:
        """Every upstream, whatever its score."""
        return list(self._upstreams)

    @property
    def usable(self) -> list[Endpoint]:
        """The upstreams that are not left out."""
        return [endpoint for endpoint, upstream in self._upstreams.items() if upstream.score >= 0]

    def pick(self) -> Endpoint | None:
        """Return the next usable upstream of the nearest tier, in turn; None when there is none."""
        order = list(self._upstreams)
        begin = order.index(self._last) + 1 if self._last is not None and self._last in self._upstreams else 0
        turn = [each for each in (*order[begin:], *order[:begin]) if self._upstreams[each].score >= 0]
        if not turn:
            return None
        self._last = min(turn, key=lambda each: self._upstreams[each].tier)
        return self._last

    def up(self, endpoint: Endpoint, seconds: float) -> None:
        """Note a dial that succeeded after *seconds*."""
        upstream = self._upstreams.get(endpoint)
        if upstream is not None:
            upstream.score = min(upstream.score + 1, HIGHEST)
            upstream.tier = bisect_right(_TIERS, seconds)

    def down(self, endpoint: Endpoint) -> None:
        """Note a dial that failed."""
        upstream = self._upstreams.get(endpoint)
        if upstream is not None:
            upstream.score = max(upstream.score - 1, LOWEST)
