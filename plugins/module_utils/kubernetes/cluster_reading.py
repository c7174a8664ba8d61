# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the health of a cluster is judged by, as Kubernetes describes it. Nothing here judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesError
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.pod_health import with_health
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.services import read_services

Record = dict[str, Any]

SYSTEM = "kube-system"


def read_kubernetes(path: str, timeout: float) -> Record:
    """Read what the checks look at.

    :param path: of a kubeconfig.
    :param timeout: limit of each call in seconds.
    :return: ``nodes`` as :func:`read_nodes` gives them, ``pods`` of kube-system (name, node, app, ready,
        addresses, health_error) that count, ``daemon_sets`` and ``deployments`` of kube-system (name -> wanted pods),
        ``services`` as :func:`.services.read_services` gives them, ``runtime_classes`` (name, handler, node_selector);
        or ``{"error": "..."}``.
    """
    try:
        with KubernetesClient.from_path(path, timeout) as client:
            return {
                "nodes": [node_record(item) for item in client.list_nodes()],
                "pods": with_health(client, (pod_record(item) for item in client.list_pods(SYSTEM) if counts(item))),
                "daemon_sets": {
                    item["metadata"]["name"]: int(item.get("status", {}).get("desiredNumberScheduled", 0))
                    for item in client.list_daemon_sets(SYSTEM)
                },
                "deployments": {
                    item["metadata"]["name"]: int(item.get("spec", {}).get("replicas", 1))
                    for item in client.list_deployments(SYSTEM)
                },
                "services": read_services(client),
                "runtime_classes": [runtime_class_record(item) for item in client.list_runtime_classes()],
            }
    except KubernetesError as error:
        return {"error": str(error)}


def read_nodes(path: str, timeout: float) -> Record:
    """Read the nodes only.

    :param path: of a kubeconfig.
    :param timeout: limit of the call in seconds.
    :return: ``nodes`` (name, addresses, ready, ready_since, reason, schedulable, labels); or ``{"error": "..."}``.
    """
    try:
        with KubernetesClient.from_path(path, timeout) as client:
            return {"nodes": [node_record(item) for item in client.list_nodes()]}
    except KubernetesError as error:
        return {"error": str(error)}


def node_record(item: Mapping[str, Any]) -> Record:
    """Return the parts of a Node that matter."""
    status = item.get("status") or {}
    ready = _condition(status, "Ready")
    return {
        "name": item["metadata"]["name"],
        "addresses": [entry["address"] for entry in status.get("addresses") or () if entry["type"] == "InternalIP"],
        "ready": ready.get("status") == "True",
        "ready_since": str(ready.get("lastTransitionTime") or "") if ready.get("status") == "True" else "",
        "reason": "" if ready.get("status") == "True" else str(ready.get("message") or ready.get("reason") or ""),
        "schedulable": not (item.get("spec") or {}).get("unschedulable", False),
        "labels": dict(item["metadata"].get("labels") or {}),
    }


def runtime_class_record(item: Mapping[str, Any]) -> Record:
    """Return the parts of a RuntimeClass that matter."""
    return {
        "name": item["metadata"]["name"],
        "handler": str(item.get("handler") or ""),
        "node_selector": dict((item.get("scheduling") or {}).get("nodeSelector") or {}),
    }


def counts(item: Mapping[str, Any]) -> bool:
    """Tell whether a Pod is neither deleted nor failed nor over.

    Source: siderolabs/talos:pkg/cluster/check/kubernetes.go (K8sPodReadyAssertion).
    """
    status = item.get("status") or {}
    states = [each.get("state") or {} for each in status.get("containerStatuses") or ()]
    over = bool(states) and all("terminated" in state for state in states)
    return "deletionTimestamp" not in item["metadata"] and status.get("phase") != "Failed" and not over


def pod_record(item: Mapping[str, Any]) -> Record:
    """Return the parts of a Pod that matter."""
    status = item.get("status") or {}
    return {
        "namespace": item["metadata"].get("namespace", ""),
        "name": item["metadata"]["name"],
        "node": (item.get("spec") or {}).get("nodeName", ""),
        "app": (item["metadata"].get("labels") or {}).get("k8s-app", ""),
        "ready": _condition(status, "Ready").get("status") == "True",
        "addresses": [str(each["ip"]) for each in status.get("podIPs") or () if each.get("ip")],
    }


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((item for item in status.get("conditions") or () if item.get("type") == kind), {})
