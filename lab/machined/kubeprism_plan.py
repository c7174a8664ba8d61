# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What KubePrism is told: its port, the API servers it balances over, and who uses it.

Sources: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/kubeprism_endpoints.go and kubeprism_config.go,
internal/app/machined/pkg/controllers/secrets/kubelet.go, internal/app/machined/pkg/controllers/k8s/control_plane.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.lab.machined.discovery import Affiliate
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

HOST = "127.0.0.1"
DEFAULT_PORT = 7445
DEFAULT_API_SERVER_PORT = 6443


class Endpoint(NamedTuple):
    """One API server: host name or address, and port."""

    host: str
    port: int


def port(config: MachineConfig) -> int:
    """Return the port KubePrism listens on, 0 where the configuration does not enable it."""
    document = config.document("KubePrismConfig")
    if document is not None:
        return int(document.get("port") or DEFAULT_PORT)
    settings = config.value("machine", "features", "kubePrism", default={}) or {}
    return int(settings.get("port") or DEFAULT_PORT) if settings.get("enabled") else 0


def server(config: MachineConfig) -> str:
    """Return the URL under which kubelet and kube-proxy of a node reach the Kubernetes API.

    KubePrism where it is enabled; without it the local API server on control planes, the cluster's endpoint on workers.
    """
    balanced = port(config)
    if balanced:
        return f"https://{HOST}:{balanced}"
    if config.is_controlplane:
        return f"https://localhost:{local_api_server_port(config)}"
    return cluster_endpoint(config)


def cluster_endpoint(config: MachineConfig) -> str:
    """Return the URL of the cluster's endpoint, of whichever document declares it."""
    document = config.document("KubeClusterConfig") or {}
    return str(document.get("endpoint") or config.value("cluster", "controlPlane", "endpoint", default=""))


def local_api_server_port(config: MachineConfig) -> int:
    """Return the port of a control plane's own API server."""
    return int(config.value("cluster", "controlPlane", "localAPIServerPort", default=0) or DEFAULT_API_SERVER_PORT)


def endpoints(config: MachineConfig, members: Iterable[Affiliate]) -> list[Endpoint]:
    """Return the API servers to balance over: the cluster's endpoint, the local one, those of all members."""
    found = []
    parts = urlsplit(cluster_endpoint(config))
    if parts.hostname:
        found.append(Endpoint(parts.hostname, parts.port or 443))
    if config.is_controlplane:
        found.append(Endpoint("localhost", local_api_server_port(config)))
    found += [
        Endpoint(address, member.api_server_port)
        for member in members
        if member.api_server_port
        for address in member.addresses
    ]
    return found
