# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""spin_app_info: following a change that was submitted without waiting."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.modules import spin_app_info
from ansible_collections.homelab.talos.tests.support import kubernetes_objects
from ansible_collections.homelab.talos.tests.support.kubernetes_objects import IMAGE, FakeCluster, waiting


def test_submitting_returns_at_once(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    cluster.pod_status = waiting("ContainerCreating")
    submitted = deploy(wait=False)
    assert (submitted["exit_status"], submitted["rollout"]["state"]) == (0, "running")
    followed = call(spin_app_info, submission=submitted["submission"])
    assert followed["rollout"]["state"] == "running"
    assert followed["rollout"]["finished_at"] == ""
    cluster.pod_status = kubernetes_objects.ready
    later = deploy(replicas=2, wait=False)
    assert later["submission"] != submitted["submission"]
    done = call(spin_app_info, submission=later["submission"], wait=True)
    assert (done["rollout"]["state"], done["image"]) == ("done", IMAGE)
    assert done["rollout"]["finished_at"] >= done["rollout"]["started_at"] > ""
    assert call(spin_app_info, submission=submitted["submission"])["rollout"]["state"] == "superseded"


def test_what_is_not_there_is_absent(call: Any) -> None:
    result = call(spin_app_info)
    assert (result["exit_status"], result["rollout"]["state"]) == (0, "absent")
    assert call(spin_app_info, wait=True, wait_timeout=0)["exit_status"] == 1


def test_a_failure_says_why_and_waiting_fails(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    cluster.pod_status = waiting("CreateContainerConfigError", 'secret "kept" not found')
    deploy(wait=False)
    told = call(spin_app_info)
    assert (told["exit_status"], told["rollout"]["state"], told["rollout"]["reason"]) == (
        0,
        "failed",
        "reference-missing",
    )
    assert 'secret "kept" not found; make secret kept' in call(spin_app_info, wait=True)["msg"]


def test_a_trap_is_told_by_the_log_of_the_container(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    ended = {"terminated": {"exitCode": 134, "reason": "Error"}}
    cluster.pod_status = waiting("CrashLoopBackOff", lastState=ended)
    deploy(wait=False)
    (pod,) = cluster.pods()
    cluster.logs[pod["metadata"]["name"]] = "listening\nError: wasm trap: unreachable\n"
    message = call(spin_app_info)["rollout"]["message"]
    assert "ends with exit code 134: Error: wasm trap: unreachable; look at the application" in message


def test_with_the_operator_its_resource_is_followed(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    cluster.has_operator = True
    submitted = deploy(wait=False)
    told = call(spin_app_info, submission=submitted["submission"])
    assert (told["form"], told["rollout"]["state"], told["image"]) == ("spinapp", "done", IMAGE)
