# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage and readiness of the machine.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/runtime/machine_status.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.conditions import NETWORK_FLAGS
from ansible_collections.homelab.talos.lab.machined.node import Node

TYPE = "MachineStatuses.runtime.talos.dev"
CHECKED_STAGES = ("booting", "running")
_FLAG_WORDS = dict(zip(NETWORK_FLAGS, ("address", "connectivity", "hostname", "etc-files"), strict=True))
Condition = tuple[str, str]


def set_stage(node: Node, stage: str) -> None:
    """Change the stage and publish it."""
    node.stage = stage
    publish(node)
    node.board.post()


def publish(node: Node) -> None:
    """Publish the resource, and an event when it changed."""
    unmet = unmet_conditions(node) if node.stage in CHECKED_STAGES else []
    status = {
        "ready": not unmet,
        "unmetConditions": [{"name": name, "reason": reason} for name, reason in unmet],
    }
    spec = {"stage": node.stage, "status": status}
    if node.store.spec("runtime", TYPE, "machine") != spec:
        node.store.put("runtime", TYPE, "machine", spec, owner="runtime.MachineStatusController")
        node.events.publish(event_messages.machine_status(node.stage, not unmet, unmet))


async def keep_publishing(node: Node) -> None:
    """Publish after every change of the node."""
    while True:
        seen = node.board.count
        publish(node)
        await node.board.after(seen)


def unmet_conditions(node: Node) -> list[Condition]:
    """Return (name, reason) for everything that keeps the machine from being ready."""
    checks = (_time, _network, _services, _static_pods, _node_ready)
    return [condition for check in checks for condition in check(node)]


def _time(node: Node) -> list[Condition]:
    spec = node.store.spec("runtime", "TimeStatuses.v1alpha1.talos.dev", "node") or {}
    return [] if spec.get("synced") else [("time", "time is not synced")]


def _network(node: Node) -> list[Condition]:
    spec = node.store.spec("network", "NetworkStatuses.net.talos.dev", "status") or {}
    waiting = sorted(word for flag, word in _FLAG_WORDS.items() if not spec.get(flag))
    return [("network", f"waiting on: {', '.join(waiting)}")] if waiting else []


def _services(node: Node) -> list[Condition]:
    required = {"apid", "machined", "kubelet"} | ({"etcd", "trustd"} if node.is_controlplane else set())
    present = {each.id: each.spec for each in node.store.list("runtime", "Services.v1alpha1.talos.dev")}
    problems = [f"{id} not running" for id in sorted(required - set(present))]
    for id, spec in present.items():
        if not spec["running"]:
            problems.append(f"{id} not running")
        elif not spec["unknown"] and not spec["healthy"]:
            problems.append(f"{id} not healthy")
    return [("services", ", ".join(problems))] if problems else []


def _static_pods(node: Node) -> list[Condition]:
    problems = []
    statuses = {each.id: each.spec for each in node.store.list("k8s", "StaticPodStatuses.kubernetes.talos.dev")}
    for pod in node.store.list("k8s", "StaticPods.kubernetes.talos.dev"):
        namespace = (pod.spec.get("metadata") or {}).get("namespace", "kube-system")
        id = f"{namespace}/{(pod.spec.get('metadata') or {}).get('name', pod.id)}-{node.nodename}"
        problems += _pod_problem(id, statuses.get(id))
    return [("staticPods", ", ".join(problems))] if problems else []


def _pod_problem(id: str, status: dict[str, object] | None) -> list[str]:
    phase = (status or {}).get("phase", "Pending")
    if phase in ("Pending", "Failed"):
        return [f"{id} {str(phase).lower()}"]
    conditions = (status or {}).get("conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)  # type: ignore[attr-defined]
    return [] if ready else [f"{id} not ready"]


def _node_ready(node: Node) -> list[Condition]:
    nodename = node.store.spec("k8s", "Nodenames.kubernetes.talos.dev", "nodename")
    if nodename is None or nodename.get("skipNodeRegistration"):
        return []
    status = node.store.spec("k8s", "NodeStatuses.kubernetes.talos.dev", nodename["nodename"])
    if status is None:
        return [("nodeReady", f'node "{nodename["nodename"]}" status is not available yet')]
    return [] if status["nodeReady"] else [("nodeReady", f'node "{nodename["nodename"]}" is not ready')]
