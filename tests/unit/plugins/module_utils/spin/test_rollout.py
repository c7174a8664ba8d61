# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a rollout: what counts as done, and the reason for each way in which pods do not come up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.spin.rollout import AppReading, judge

Object = dict[str, Any]
HASH = {"pod-template-hash": "abc"}


def deployment(replicas: int = 1, generation: int = 2, **status: Any) -> Object:
    counts = {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas, **status}
    annotations = {"deployment.kubernetes.io/revision": "2", "homelab.talos/submitted-at": "2026-03-02T12:00:00Z"}
    container = {"name": "nonce", "image": "r/nonce:2"}
    return {
        "metadata": {"uid": "d", "generation": generation, "annotations": annotations},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}},
        "status": counts,
    }


def replica_set(revision: str = "2") -> Object:
    annotations = {"deployment.kubernetes.io/revision": revision}
    return {"metadata": {"labels": HASH, "annotations": annotations, "creationTimestamp": "2026-03-02T12:00:01Z"}}


def pod(node: str = "node1", ready: bool = False, container: Object | None = None, **status: Any) -> Object:
    conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-03-02T12:00:09Z"}]
    containers = [{"image": "r/nonce:2", **container}] if container else []
    return {
        "metadata": {"name": "nonce-1", "uid": "p", "labels": HASH},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Pending", "conditions": conditions, "containerStatuses": containers, **status},
    }


def event(reason: str, message: str, uid: str = "p", time: str = "2026-03-02T12:00:05Z") -> Object:
    return {"reason": reason, "message": message, "involvedObject": {"uid": uid}, "lastTimestamp": time}


def reading(one: Object | None = None, *events: Object, log: str = "", **of_deployment: Any) -> AppReading:
    return AppReading(
        deployment(**of_deployment),
        replica_sets=[replica_set()],
        pods=[one] if one else [],
        events=events,
        logs={"nonce-1": log},
    )


def waits(reason: str, message: str = "", **last: Any) -> Object:
    state = {"state": {"waiting": {"reason": reason, "message": message}}}
    return pod(container={**state, **({"lastState": last} if last else {})})


def test_done_needs_every_pod_of_the_new_revision() -> None:
    done = judge(reading(pod(ready=True), availableReplicas=1))
    assert (done.state, done.message) == ("done", "1 of 1 available")
    assert (done.submitted_at, done.started_at, done.finished_at) == (
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:01Z",
        "2026-03-02T12:00:09Z",
    )
    assert judge(reading(replicas=0, availableReplicas=0)).state == "done"


@given(
    replicas=st.integers(0, 5),
    updated=st.integers(0, 5),
    available=st.integers(0, 5),
    total=st.integers(0, 8),
    observed=st.integers(0, 3),
)
def test_nothing_else_is_done(replicas: int, updated: int, available: int, total: int, observed: int) -> None:
    counts = {"updatedReplicas": updated, "availableReplicas": available, "observedGeneration": observed}
    item = deployment(replicas, **counts)
    item["status"]["replicas"] = total
    state = judge(AppReading(item, replica_sets=[replica_set()])).state
    complete = replicas == updated == available == total and observed >= 2
    assert (state == "done") == complete
    assert state in ("done", "pending")


def test_a_change_that_nobody_has_looked_at_is_pending() -> None:
    assert judge(reading(pod(ready=True), availableReplicas=1, generation=3)).state == "pending"
    assert judge(reading(pod(node=""))).state == "pending"
    assert judge(reading(waits("ContainerCreating"))).state == "running"
    assert judge(AppReading(None)).state == "absent"


NO_RUNTIME = 'Failed to create pod sandbox: rpc error: code = Unknown desc = no runtime for "spin" is configured'
SELECTOR = "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector. preemption: 0/4 nodes are"


@pytest.mark.parametrize(
    ("found", "state", "reason", "said"),
    [
        (
            reading(waits("ContainerCreating"), event("FailedCreatePodSandBox", NO_RUNTIME)),
            "failed",
            "no-runtime",
            'pod nonce-1 on node node1: no runtime for "spin" is configured; give the node the spin extension',
        ),
        (
            reading(pod("", conditions=[{"type": "PodScheduled", "status": "False", "message": SELECTOR}])),
            "failed",
            "no-node",
            "label nodes that have the spin extension with homelab.talos/spin",
        ),
        (
            reading(
                pod("", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 Insufficient memory"}])
            ),
            "pending",
            "no-node",
            "make room on a node, or ask for less",
        ),
        (
            reading(
                waits("ImagePullBackOff", 'Back-off pulling image "r/nonce:2"'),
                event("Failed", "Failed to pull: x: 404"),
            ),
            "failed",
            "image-pull",
            "check the reference, and push the application",
        ),
        (
            reading(waits("ErrImagePull", "dial tcp 198.18.10.5:5000: connect: connection refused")),
            "running",
            "registry-away",
            "check that the registry runs; the pod waits for it",
        ),
        (
            reading(waits("ErrImagePull", "tls: failed to verify certificate: x509: signed by unknown authority")),
            "failed",
            "registry-tls",
            "let the nodes trust the registry's authority",
        ),
        (
            reading(waits("ErrImagePull", "failed to authorize: 401 Unauthorized")),
            "failed",
            "registry-login",
            "give image_pull_secrets",
        ),
        (
            reading(waits("ErrImagePull", "unexpected commit digest sha256:1, expected sha256:2: failed precondition")),
            "failed",
            "image-digest",
            "push the application again",
        ),
        (
            reading(waits("CreateContainerConfigError", 'secret "kept" not found')),
            "failed",
            "reference-missing",
            'secret "kept" not found; make secret kept, or correct its name',
        ),
        (
            reading(
                waits("CrashLoopBackOff", terminated={"exitCode": 134, "reason": "Error"}),
                log="starting\nError: wasm trap: wasm `unreachable` instruction executed\n  at 0x10\n",
            ),
            "failed",
            "crash",
            "pod nonce-1 ends with exit code 134: Error: wasm trap: wasm `unreachable` instruction executed",
        ),
        (
            reading(pod(container={"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}), log="once"),
            "running",
            "crash",
            "ends with exit code 1: once",
        ),
        (
            reading(waits("CrashLoopBackOff", terminated={"exitCode": 137, "reason": "OOMKilled"})),
            "failed",
            "out-of-memory",
            "its memory was not enough (OOMKilled); raise resources.limits.memory",
        ),
        (
            reading(waits("ContainerCreating"), event("FailedMount", 'MountVolume failed: secret "kept" not found')),
            "failed",
            "reference-missing",
            "make secret kept",
        ),
        (
            reading(pod(container={"state": {"running": {}}}), event("Unhealthy", "Readiness probe failed: 500")),
            "running",
            "not-ready",
            "pod nonce-1 runs and is not ready: Readiness probe failed: 500",
        ),
    ],
)
def test_each_trouble_has_its_reason(found: AppReading, state: str, reason: str, said: str) -> None:
    rollout = judge(found)
    assert (rollout.state, rollout.reason) == (state, reason)
    assert said in rollout.message
    assert "\n" not in rollout.message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            'pods "x" is forbidden: error looking up RuntimeClass: RuntimeClass "wasmtime-spin-v2" not found',
            "runtime-class-missing",
        ),
        ('pods "x" is forbidden: exceeded quota: few, requested: memory=1Gi, used: memory=0', "quota"),
        ("maximum memory usage per Container is 64Mi, but limit is 128Mi", "limit-range"),
        ("conflict: runtimeClass.scheduling.nodeSelector has a conflict with pod nodeSelector", "placement"),
        ('error looking up service account default/x: serviceaccount "x" not found', "service-account-missing"),
        ("violates PodSecurity", "create"),
    ],
)
def test_what_keeps_pods_from_being_made(message: str, reason: str) -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    rollout = judge(reading(updatedReplicas=0, conditions=[failure]))
    assert (rollout.state, rollout.reason) == ("failed", reason)
    assert message[:20] in rollout.message


def test_the_last_event_counts_and_only_of_that_pod() -> None:
    old = event("FailedCreatePodSandBox", NO_RUNTIME, time="2026-03-02T12:00:01Z")
    new = event("Unhealthy", "Readiness probe failed", time="2026-03-02T12:00:04Z")
    assert judge(reading(waits("ContainerCreating"), new, old)).reason == "not-ready"
    assert (
        judge(reading(waits("ContainerCreating"), event("FailedCreatePodSandBox", NO_RUNTIME, uid="other"))).reason
        == ""
    )


def test_a_pod_of_the_revision_before_does_not_count() -> None:
    old = waits("CrashLoopBackOff", terminated={"exitCode": 1})
    old["metadata"]["labels"] = {"pod-template-hash": "before"}
    assert judge(reading(old)).reason == ""


def test_a_deadline_ends_what_might_have_passed() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert judge(reading(conditions=[late])).reason == "deadline"
    away = waits("ErrImagePull", "i/o timeout")
    assert (judge(reading(away, conditions=[late])).state, judge(reading(away)).state) == ("failed", "running")


def test_an_operator_that_finds_no_executor() -> None:
    resource = {"metadata": {"uid": "s"}, "spec": {"image": "x", "replicas": 1}}
    assert judge(AppReading(None, resource)).state == "pending"
    told = event("MissingExecutor", "executor not found", uid="s")
    missing = judge(AppReading(None, resource, events=[told]))
    assert (missing.state, missing.reason) == ("failed", "executor-missing")


def test_a_resource_that_the_operator_has_not_taken_over_is_pending() -> None:
    resource: Object = {"metadata": {"uid": "s"}, "spec": {"image": "r/nonce:3", "replicas": 1}}
    behind = AppReading(deployment(availableReplicas=1), resource, [replica_set()], [pod(ready=True)])
    assert judge(behind).state == "pending"
    resource["spec"]["image"] = "r/nonce:2"
    assert judge(behind).state == "done"
