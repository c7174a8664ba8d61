# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was read to what the checks judge: plain data in, observation out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ClusterService,
    EtcdMember,
    ExpectedNode,
    KubePrism,
    KubernetesNode,
    KubernetesObservation,
    NodeObservation,
    Pod,
    RuntimeClass,
    Service,
    StaticPod,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.stand_ins import note_of

Record = Mapping[str, Any]


def node_observation(expected: ExpectedNode, reading: Record) -> NodeObservation:
    """Return what ``talos.cluster_reading`` read from a node as an observation."""
    if reading.get("error"):
        return NodeObservation(expected, error=str(reading["error"]))
    members = reading.get("etcd_members")
    services = [_service(item) for item in reading.get("services") or ()]
    return NodeObservation(
        expected,
        version=str((reading.get("version") or {}).get("tag", "")),
        stage=str(reading.get("stage") or "unknown"),
        ready=bool(reading.get("ready")),
        sees_itself_ready=(reading.get("kubernetes") or {}).get("ready"),
        unmet=tuple(f"{item['name']}: {item['reason']}" for item in reading.get("unmet_conditions") or ()),
        services={service.id: service for service in services},
        extensions=tuple(item["name"] for item in reading.get("extensions") or ()),
        members=None if members is None else tuple(_member(item) for item in members),
        members_error=str(reading.get("etcd_error", "")),
        memory_kib=reading.get("memory_kib"),
        ephemeral_bytes=reading.get("ephemeral_bytes"),
        diagnostics=tuple(reading.get("diagnostics") or ()),
        static_pods=tuple(
            StaticPod(str(item["id"]), item["phase"], item["ready"]) for item in reading.get("static_pods") or ()
        ),
        kubeprism=_kubeprism(reading.get("kubeprism")),
    )


def kubernetes_observation(reading: Record) -> KubernetesObservation:
    """Return what ``kubernetes.cluster_reading`` read as an observation."""
    if reading.get("error"):
        return KubernetesObservation(error=str(reading["error"]))
    return KubernetesObservation(
        nodes=tuple(
            KubernetesNode(
                item["name"],
                tuple(item["addresses"]),
                item["ready"],
                item["schedulable"],
                item["reason"],
                dict(item.get("labels") or {}),
            )
            for item in reading["nodes"]
        ),
        pods=tuple(
            Pod(
                item["namespace"],
                item["name"],
                item["node"],
                item["app"],
                item["ready"],
                tuple(item["addresses"]),
                item["health_error"],
            )
            for item in reading["pods"]
        ),
        daemon_sets=dict(reading["daemon_sets"]),
        deployments=dict(reading["deployments"]),
        services={
            item["name"]: ClusterService(item["name"], tuple(item["addresses"]), tuple(item["endpoints"]))
            for item in reading["services"]
        },
        runtime_classes={
            item["name"]: RuntimeClass(item["handler"], dict(item["node_selector"]))
            for item in reading.get("runtime_classes") or ()
        },
    )


def _service(item: Record) -> Service:
    events = item.get("events") or ()
    last = str(events[-1]["message"]) if events else ""
    health = str(item.get("message") or "")
    message = health if item["state"] == "Running" else last
    return Service(item["id"], item["state"], item["healthy"], message, note_of(health) or note_of(last))


def _kubeprism(item: Record | None) -> KubePrism | None:
    return None if item is None else KubePrism(item["host"], item["healthy"], tuple(item["endpoints"]))


def _member(item: Record) -> EtcdMember:
    return EtcdMember(str(item["hostname"]), tuple(item["addresses"]))
