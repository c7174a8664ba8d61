# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the routes of a cluster shall be, and what can be tried behind each of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.rules.routing.observation import ExpectedGateway
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import covers
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailscale_service import (
    advertised_routes,
    tailnet_hostname,
)

_API_SERVICE_PORT = 443
_MACHINE_API_PORT = 50000


@dataclass(frozen=True)
class Target:
    """Something behind a route that takes TCP connections.

    :ivar network: the route; ``what``: in words.
    """

    network: str
    address: str
    port: int
    what: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"network": self.network, "address": self.address, "port": self.port, "what": self.what}


def expected_gateways(cluster: Cluster, nodes: Iterable[Node]) -> tuple[ExpectedGateway, ...]:
    """Return the gateways of an inventory that take part in a tailnet, with the networks each shall advertise."""
    return tuple(
        ExpectedGateway(node.name, tailnet_hostname(node), advertised_routes(cluster, node))
        for node in nodes
        if node.tailnet is not None
    )


def targets(
    cluster: Cluster, nodes: Sequence[Node], networks: Iterable[str], pods: Iterable[Mapping[str, Any]] = ()
) -> list[Target]:
    """Return one target for each network behind which something is known to listen.

    :param pods: pods as the Kubernetes API describes them.
    """
    places = [*_services(cluster), *_pods(pods), *_nodes(nodes)]
    found = []
    for network in networks:
        within = ipaddress.ip_network(network)
        inside = [place for place in places if covers(within, ipaddress.ip_network(place[0]))]
        found += [Target(network, *inside[0])] if inside else []
    return found


def _services(cluster: Cluster) -> list[tuple[str, int, str]]:
    """The Kubernetes API is the first address of the first service network."""
    first = next(ipaddress.ip_network(cluster.service_subnets[0]).hosts())
    return [(str(first), _API_SERVICE_PORT, "service kubernetes")]


def _pods(pods: Iterable[Mapping[str, Any]]) -> list[tuple[str, int, str]]:
    found = []
    for pod in pods:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        ready = any(
            each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ()
        )
        ports = [
            port["containerPort"]
            for container in spec.get("containers") or ()
            for port in container.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ]
        if ready and ports and status.get("podIP") and not spec.get("hostNetwork"):
            found.append((str(status["podIP"]), int(ports[0]), f"pod {pod['metadata']['name']}"))
    return found


def _nodes(nodes: Sequence[Node]) -> list[tuple[str, int, str]]:
    """Control planes before others; the gateway itself is no proof of a route."""
    others = [node for node in nodes if node.tailnet is None]
    ordered = sorted(others, key=lambda node: not node.is_controlplane)
    return [(node.address, _MACHINE_API_PORT, f"machine API of {node.name}") for node in ordered]
