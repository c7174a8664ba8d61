# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Services that everything in a cluster relies on, and who is ready behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient

Record = dict[str, Any]

#: Namespace and name of each.
RELIED_ON = (("default", "kubernetes"), ("kube-system", "kube-dns"))
_HEADLESS = "None"


def read_services(client: KubernetesClient) -> list[Record]:
    """Read the Services that everything relies on.

    :return: ``name`` (with the namespace), ``addresses`` and ``endpoints`` (addresses of those that are ready) of each
        that exists.
    :raises KubernetesError: the API did not answer.
    """
    found = (_service(client, namespace, name) for namespace, name in RELIED_ON)
    return [service for service in found if service is not None]


def _service(client: KubernetesClient, namespace: str, name: str) -> Record | None:
    found = client.find_service(namespace, name)
    if found is None:
        return None
    spec = found.get("spec") or {}
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return {
        "name": f"{namespace}/{name}",
        "addresses": [address for address in addresses if address and address != _HEADLESS],
        "endpoints": ready_addresses(client.list_endpoint_slices(namespace, name)),
    }


def ready_addresses(slices: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the addresses of the endpoints that are ready, sorted; one that says nothing about it counts as ready.

    Source: kubernetes/api:discovery/v1/types.go (EndpointConditions).
    """
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
    ready = [each for each in endpoints if (each.get("conditions") or {}).get("ready") is not False]
    return sorted({address for each in ready for address in each.get("addresses") or ()})
