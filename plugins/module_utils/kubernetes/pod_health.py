# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking pods of the system for their health, through the API server: nothing runs on a node for that.

Sources: coredns/coredns:plugin/ready; kubernetes/kubernetes:pkg/proxy/healthcheck/proxy_health.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesError

Record = dict[str, Any]

#: Label ``k8s-app`` -> port and path where such a pod says that it is well.
HEALTH_PORTS = {"kube-proxy": (10256, "/healthz"), "kube-dns": (8181, "/ready")}
#: As many are asked at a time; one that is silent keeps nobody else waiting.
_AT_A_TIME = 8


def with_health(client: KubernetesClient, pods: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Return pod records, each with ``health_error``: empty when the pod says that it is well, None when not asked.

    Pods without a known health port are not asked, and neither are those that are not ready: nothing is expected of
    them.
    """
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(lambda pod: {**pod, "health_error": _health_error(client, pod)}, pods))


def _health_error(client: KubernetesClient, pod: Mapping[str, Any]) -> str | None:
    if not pod["ready"] or pod["app"] not in HEALTH_PORTS:
        return None
    port, path = HEALTH_PORTS[pod["app"]]
    try:
        client.get_from_pod(pod["namespace"], pod["name"], port, path)
    except KubernetesError as error:
        return f"port {port}{path}: {error.cause}"
    return ""
