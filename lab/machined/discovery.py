# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The discovery service of a lab: who belongs to which cluster.

Stands for https://discovery.talos.dev: affiliates of one cluster see each other when they carry the
same cluster id and secret. Source: siderolabs/talos:internal/app/machined/pkg/controllers/cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock

TTL_SECONDS = 30 * 60.0
ClusterKey = tuple[str, str]


@dataclass(frozen=True)
class Affiliate:
    """What a node announces about itself."""

    node_id: str
    nodename: str
    hostname: str
    addresses: tuple[str, ...]
    machine_type: str
    operating_system: str
    api_server_port: int = 0  # control planes only


class Discovery:
    """Shared by all nodes of a lab; an affiliate is forgotten half an hour (lab time) after its last word."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clusters: dict[ClusterKey, dict[str, tuple[Affiliate, float]]] = {}
        self._listeners: list[Callable[[], None]] = []

    def listen(self, changed: Callable[[], None]) -> None:
        """Call *changed* whenever an affiliate came, changed or left."""
        if changed not in self._listeners:
            self._listeners.append(changed)

    def announce(self, key: ClusterKey, affiliate: Affiliate) -> None:
        """Make (or keep) an affiliate known."""
        cluster = self._clusters.setdefault(key, {})
        known = cluster.get(affiliate.node_id)
        cluster[affiliate.node_id] = (affiliate, self._clock.monotonic() + TTL_SECONDS)
        if known is None or known[0] != affiliate:
            self._tell()

    def withdraw(self, key: ClusterKey, node_id: str) -> None:
        """Forget an affiliate: it left the cluster."""
        if self._clusters.get(key, {}).pop(node_id, None) is not None:
            self._tell()

    def affiliates(self, key: ClusterKey) -> list[Affiliate]:
        """Return the affiliates of a cluster, sorted by node name."""
        now = self._clock.monotonic()
        alive = [affiliate for affiliate, until in self._clusters.get(key, {}).values() if until > now]
        return sorted(alive, key=lambda each: each.nodename)

    def _tell(self) -> None:
        for changed in tuple(self._listeners):
            changed()
