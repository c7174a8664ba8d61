# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterService/HealthCheck: what ``talosctl health`` shows.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_cluster.go.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.checked_cluster import SKIP, Check, Cluster, Unanswered
from ansible_collections.homelab.talos.lab.machined.health_checks import CHECKS
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.routing import Callee
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

RETRY_SECONDS = 0.5
DEFAULT_TIMEOUT_SECONDS = 5 * 60.0


class HealthCalls:
    """The call of one node; *callee* returns whom to ask for an address, None when nobody can be asked."""

    def __init__(self, node: Node, callee: Callable[[str], Callee | None]) -> None:
        self._node = node
        self._callee = callee

    async def check(self, call: Call) -> AsyncIterator[Any]:
        """Stream the progress of the sixteen checks; DeadlineExceeded when one does not hold in time."""
        cluster = self._cluster(call)
        words = " ".join(f'"{address}"' for address in cluster.nodes)
        yield _progress(f"discovered nodes: [{words}]")
        seconds = call.request.wait_timeout.ToTimedelta().total_seconds() or DEFAULT_TIMEOUT_SECONDS
        limit = self._node.clock.monotonic() + seconds
        for name, judge in CHECKS:
            yield _progress(f"waiting for {name}: ...")
            async for verdict in self._until_ok(cluster, judge, limit):
                yield _progress(f"waiting for {name}: {verdict}")

    async def _until_ok(self, cluster: Cluster, judge: Check, limit: float) -> AsyncIterator[str]:
        shown = ""
        while True:
            try:
                problem = await judge(cluster)
            except Unanswered as error:
                problem = str(error)
            if problem in ("", SKIP):
                yield problem or "OK"
                return
            if problem != shown:
                shown = problem
                yield problem
            if self._node.clock.monotonic() >= limit:
                raise GRPCError(Status.DEADLINE_EXCEEDED, "context deadline exceeded")
            await self._node.clock.sleep(RETRY_SECONDS)

    def _cluster(self, call: Call) -> Cluster:
        config = self._node.config
        if config is None or not config.is_controlplane:
            raise refusals.control_plane_only("cluster health check")
        wanted = call.request.cluster_info
        planes, workers = list(wanted.control_plane_nodes), list(wanted.worker_nodes)
        if not planes and not workers:
            planes = [self._node.address]
            for peer in self._node.peers():
                (planes if peer.machine_type == "controlplane" else workers).append(peer.addresses[0])
        return Cluster(
            self._callees(planes), self._callees(workers), call.roles, config, self._node.programs.kubernetes
        )

    def _callees(self, addresses: list[str]) -> dict[str, Callee]:
        found = {}
        for address in sorted(addresses):
            callee = self._callee(address)
            if callee is None:
                raise refusals.permission_denied("no request forwarding")
            found[address] = callee
        return found


def _progress(text: str) -> Any:
    return message("cluster.HealthCheckProgress")(message=text)


def handlers(node: Node, callee: Callable[[str], Callee | None]) -> Handlers:
    """Return the handler."""
    return {"/cluster.ClusterService/HealthCheck": HealthCalls(node, callee).check}
