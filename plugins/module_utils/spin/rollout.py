# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an application is on its cluster, judged from what Kubernetes says; nothing here asks.

``pending`` and ``running`` are never success: a rollout is ``done`` only when every wanted pod of the new revision is
available and none of an older one is left, as ``kubectl rollout status`` has it.

Source: kubernetes/kubectl:pkg/polymorphichelpers/rollout_status.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.names import SUBMITTED_ANNOTATION
from ansible_collections.homelab.talos.plugins.module_utils.spin.trouble import Trouble, creation_trouble, pod_trouble

Object = Mapping[str, Any]

ABSENT, PENDING, RUNNING, DONE, FAILED = "absent", "pending", "running", "done", "failed"
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"


@dataclass(frozen=True)
class AppReading:
    """What Kubernetes says about an application.

    :ivar spin_app: the custom resource, None when there is none.
    :ivar events: of the namespace.
    :ivar logs: name of a pod -> what its container wrote before it ended.
    """

    deployment: Object | None
    spin_app: Object | None = None
    replica_sets: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    logs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rollout:
    """How far it is.

    :ivar state: ``absent``, ``pending``, ``running``, ``done`` or ``failed``.
    :ivar reason: short name of what keeps it, empty when nothing is known to.
    :ivar message: one line.
    :ivar submitted_at: ISO time, as ``started_at`` (first pod of the revision) and ``finished_at`` (last pod ready).
    """

    state: str
    reason: str = ""
    message: str = ""
    wanted: int = 0
    updated: int = 0
    available: int = 0
    revision: int = 0
    submitted_at: str = ""
    started_at: str = ""
    finished_at: str = ""

    @property
    def is_over(self) -> bool:
        """Whether waiting changes nothing any more."""
        return self.state in (DONE, FAILED)


def judge(reading: AppReading) -> Rollout:
    """Return how far an application is."""
    deployment = reading.deployment
    if deployment is None:
        return _without_deployment(reading)
    status, spec = deployment.get("status") or {}, deployment["spec"]
    base = Rollout(
        PENDING,
        wanted=int(spec.get("replicas", 1)),
        updated=int(status.get("updatedReplicas", 0)),
        available=int(status.get("availableReplicas", 0)),
        revision=revision_of(deployment),
        submitted_at=_submitted(reading),
    )
    looked_at = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0))
    if not looked_at or not _is_current(reading):
        return replace(base, message="the change is not looked at yet")
    pods = _pods_of_revision(reading)
    base = replace(base, started_at=_started(reading, base.submitted_at))
    if base.updated == base.available == base.wanted == int(status.get("replicas", 0)):
        finished = max([base.submitted_at, *(_ready_since(pod) for pod in pods)])
        return replace(base, state=DONE, message=f"{base.wanted} of {base.wanted} available", finished_at=finished)
    return _unfinished(reading, pods, base)


def revision_of(item: Object) -> int:
    """Return the revision of a Deployment or ReplicaSet, 0 when it has none."""
    return int((item["metadata"].get("annotations") or {}).get(_REVISION, 0))


def template_hash(item: Object) -> str:
    """Return the label by which pods and ReplicaSets of one revision are known."""
    return str((item["metadata"].get("labels") or {}).get(_HASH, ""))


def _without_deployment(reading: AppReading) -> Rollout:
    if reading.spin_app is None:
        return Rollout(ABSENT, message="there is no such application")
    uid = reading.spin_app["metadata"].get("uid")
    for event in reading.events:
        if (event.get("involvedObject") or {}).get("uid") == uid and event.get("reason") == "MissingExecutor":
            message = f"{event.get('message')}; make the executor with the role homelab.talos.spin_runtime"
            return Rollout(FAILED, "executor-missing", message, submitted_at=_submitted(reading))
    return Rollout(PENDING, message="the operator has not made a Deployment yet", submitted_at=_submitted(reading))


def _is_current(reading: AppReading) -> bool:
    """Tell whether the operator, if there is one, has taken over what its resource asks for."""
    if reading.spin_app is None or reading.deployment is None:
        return True
    wanted = reading.spin_app["spec"]
    spec = reading.deployment["spec"]
    (container, *_others) = spec["template"]["spec"]["containers"]
    same_number = wanted.get("enableAutoscaling") or wanted.get("replicas") == spec.get("replicas")
    return bool(container.get("image") == wanted.get("image") and same_number)


def _unfinished(reading: AppReading, pods: Sequence[Object], base: Rollout) -> Rollout:
    troubles = sorted(_troubles(reading, pods), key=lambda trouble: not trouble.final)
    deadline = _condition(reading.deployment or {}, "Progressing")
    late = deadline.get("status") == "False" and deadline.get("reason") == "ProgressDeadlineExceeded"
    message = f"{base.available} of {base.wanted} available, {base.updated} of the new revision"
    if troubles:
        first = troubles[0]
        state = FAILED if first.final or late else _under_way(pods)
        return replace(base, state=state, reason=first.reason, message=str(first))
    if late:
        return replace(base, state=FAILED, reason="deadline", message=f"{message}; look at the pods")
    return replace(base, state=_under_way(pods), message=message)


def _under_way(pods: Sequence[Object]) -> str:
    """Return ``running`` when a node has taken a pod of the revision."""
    return RUNNING if any((pod.get("spec") or {}).get("nodeName") for pod in pods) else PENDING


def _troubles(reading: AppReading, pods: Sequence[Object]) -> Iterator[Trouble]:
    failure = _condition(reading.deployment or {}, "ReplicaFailure")
    if failure.get("status") == "True":
        yield creation_trouble(str(failure.get("message") or failure.get("reason")))
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp") or _ready_since(pod):
            continue
        found = pod_trouble(pod, reading.events, reading.logs.get(pod["metadata"]["name"], ""))
        if found is not None:
            yield found


def _pods_of_revision(reading: AppReading) -> list[Object]:
    current = _replica_set(reading)
    wanted = template_hash(current) if current is not None else None
    return [pod for pod in reading.pods if template_hash(pod) == wanted]


def _replica_set(reading: AppReading) -> Object | None:
    """Return the ReplicaSet of the Deployment's revision."""
    revision = revision_of(reading.deployment or {"metadata": {}})
    return next((each for each in reading.replica_sets if revision and revision_of(each) == revision), None)


def _submitted(reading: AppReading) -> str:
    for item in (reading.spin_app, reading.deployment):
        if item is not None:
            metadata = item["metadata"]
            found = (metadata.get("annotations") or {}).get(SUBMITTED_ANNOTATION) or metadata.get("creationTimestamp")
            return str(found or "")
    return ""


def _started(reading: AppReading, submitted: str) -> str:
    """Return when work on the change began: a ReplicaSet that was there before is only scaled."""
    current = _replica_set(reading)
    made = str(current["metadata"].get("creationTimestamp") or "") if current is not None else ""
    return max(made, submitted) if made else ""


def _ready_since(pod: Object) -> str:
    ready = _condition(pod, "Ready")
    return str(ready.get("lastTransitionTime") or "-") if ready.get("status") == "True" else ""


def _condition(item: Object, kind: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), {})
