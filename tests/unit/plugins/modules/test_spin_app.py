# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""spin_app: deploy, wait, submit, scale, roll back and remove, and what is refused before anything changes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.support.kubernetes_objects import IMAGE, FakeCluster, waiting

SECRET = "a-very-secret-word"


def test_an_application_is_deployed_once(deploy: Any, cluster: FakeCluster) -> None:
    first = deploy(replicas=2)
    assert (first["exit_status"], first["changed"], first["form"]) == (0, True, "deployment")
    assert first["objects"][1:] == ["Service nonce", "Deployment nonce"]
    assert first["address"] == "http://nonce.default.svc"
    rollout = first["rollout"]
    assert (rollout["state"], rollout["wanted"], rollout["available"]) == ("done", 2, 2)
    assert rollout["submitted_at"] <= rollout["finished_at"] or rollout["finished_at"]
    before = list(cluster.changes)
    again = deploy(replicas=2)
    assert (again["changed"], again["objects"], again["submission"]) == (False, [], first["submission"])
    assert cluster.changes == before


def test_the_objects_are_those_of_the_operator(deploy: Any, cluster: FakeCluster) -> None:
    deploy(memory_limit="64Mi", components=["a", "b"], variables={"greeting": "hi", "debug": True})
    service = cluster.of("services", "nonce")
    assert service["spec"]["selector"] == {"core.spinkube.dev/app.nonce.status": "ready"}
    assert service["spec"]["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": "http-app"}]
    deployment = cluster.of("deployments", "nonce")
    labels = {"core.spinkube.dev/app-name": "nonce", "core.spinkube.dev/app.nonce.status": "ready"}
    assert deployment["metadata"]["labels"] == {"core.spinkube.dev/app-name": "nonce"}
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert deployment["spec"]["template"]["metadata"]["labels"] == labels
    pod = deployment["spec"]["template"]["spec"]
    assert (pod["runtimeClassName"], "nodeSelector" in pod, "affinity" in pod) == ("wasmtime-spin-v2", False, False)
    (container,) = pod["containers"]
    assert (container["name"], container["image"], container["command"]) == ("nonce", IMAGE, ["/"])
    assert container["ports"] == [{"name": "http-app", "containerPort": 80, "protocol": "TCP"}]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert [(each["name"], each["value"]) for each in container["env"]] == [
        ("SPIN_VARIABLE_DEBUG", "true"),
        ("SPIN_VARIABLE_GREETING", "hi"),
        ("SPIN_HTTP_LISTEN_ADDR", "0.0.0.0:80"),
        ("SPIN_MAX_INSTANCE_MEMORY", "67108864"),
        ("SPIN_COMPONENTS_TO_RETAIN", "a,b"),
    ]
    assert "resources" not in container


def test_stores_are_in_a_secret_named_after_its_content(deploy: Any, cluster: FakeCluster) -> None:
    stores = [{"name": "default", "options": {"path": "/data/kv.db"}}]
    volumes = [{"name": "data", "claim": "visits", "path": "/data"}]
    cluster.put("/api/v1/namespaces/default/persistentvolumeclaims/visits", {"metadata": {"name": "visits"}})
    deploy(key_value_stores=stores, volumes=volumes)
    (name,) = [path.rpartition("/")[2] for path in cluster.objects if "/secrets/" in path]
    assert name.startswith("nonce-")
    assert len(name) == len("nonce-") + 8
    text = base64.b64decode(cluster.of("secrets", name)["data"]["runtime-config.toml"]).decode()
    assert '[key_value_store."default"]' in text
    assert '"type" = "spin"' in text
    assert '"path" = "/data/kv.db"' in text
    assert 'prefix = "SPIN_VARIABLE_"' in text
    pod = cluster.of("deployments", "nonce")["spec"]["template"]["spec"]
    assert pod["volumes"][0]["secret"]["secretName"] == name
    assert pod["containers"][0]["volumeMounts"] == [
        {
            "name": "spin-runtime-config",
            "readOnly": True,
            "mountPath": "/runtime-config.toml",
            "subPath": "runtime-config.toml",
        },
        {"name": "data", "mountPath": "/data"},
    ]


def test_check_mode_changes_nothing(deploy: Any, cluster: FakeCluster) -> None:
    told = deploy(check_mode=True, diff=True)
    assert (told["changed"], told["rollout"]["state"], told["submission"]) == (True, "absent", "")
    assert IMAGE in told["diff"]["after"]
    assert cluster.changes == []
    deploy()
    assert not deploy(check_mode=True)["changed"]
    assert deploy(check_mode=True, replicas=3)["objects"] == ["Deployment nonce"]


def test_a_secret_is_kept_and_never_shown(deploy: Any, cluster: FakeCluster) -> None:
    result = deploy(secrets={"password": SECRET}, diff=True)
    encoded = base64.b64encode(SECRET.encode()).decode()
    assert SECRET not in str(result)
    assert encoded not in str(result)
    assert "submitted-at" not in result["diff"]["after"], "a time would differ each time"
    env = cluster.of("deployments", "nonce")["spec"]["template"]["spec"]["containers"][0]["env"]
    reference = env[0]["valueFrom"]["secretKeyRef"]
    assert env[0]["name"] == "SPIN_VARIABLE_PASSWORD"
    assert cluster.of("secrets", reference["name"])["data"] == {"password": encoded}
    old = reference["name"]
    deploy(secrets={"password": "another-secret"})
    new = cluster.of("deployments", "nonce")["spec"]["template"]["spec"]["containers"][0]["env"][0]
    assert new["valueFrom"]["secretKeyRef"]["name"] != old, "a new value makes new pods"
    assert cluster.of("secrets", old), "the revision before still needs it"


@pytest.mark.parametrize("state", ["running", "pending"])
def test_what_is_under_way_is_no_success(deploy: Any, cluster: FakeCluster, state: str) -> None:
    cluster.pod_status = waiting("ContainerCreating") if state == "running" else (lambda pod: {"spec": {}})
    result = deploy(wait_timeout=0)
    assert result["exit_status"] == 1
    assert result["msg"].startswith(f"Spin application nonce in default: not available after 0 s, {state}: ")


def test_scaling_changes_the_number_only(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    deploy()
    image = cluster.of("deployments", "nonce")["spec"]["template"]
    scaled = call(state="scaled", replicas=3)
    assert (scaled["changed"], scaled["rollout"]["available"]) == (True, 3)
    assert cluster.of("deployments", "nonce")["spec"]["template"] == image
    assert not call(state="scaled", replicas=3)["changed"]
    assert call(state="scaled", replicas=0)["rollout"]["state"] == "done"
    assert "replicas" in call(state="scaled")["msg"]


def test_rolling_back_returns_to_the_revision_before(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    deploy(variables={"greeting": "one"}, update_strategy="Recreate", deployment_annotations={"team": "a"})
    first = cluster.of("deployments", "nonce")["spec"]["template"]
    deploy(image="registry.lab:5000/nonce:2.0", update_strategy="Recreate", deployment_annotations={"team": "a"})
    back = call(state="rolled_back")
    assert (back["changed"], back["rollout"]["state"], back["rollout"]["revision"]) == (True, "done", 3)
    deployment = cluster.of("deployments", "nonce")
    assert deployment["spec"]["template"] == first
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment["metadata"]["annotations"]["team"] == "a"
    assert "pod-template-hash" not in deployment["spec"]["selector"]["matchLabels"]
    forth = call(state="rolled_back")
    assert forth["rollout"]["revision"] == 4
    assert cluster.of("deployments", "nonce")["spec"]["template"] != first


def test_there_may_be_nothing_to_roll_back_to(deploy: Any, call: Any) -> None:
    assert "does not exist; deploy it first" in call(state="rolled_back")["msg"]
    deploy()
    assert "has no revision before 1; there is nothing to roll back to" in call(state="rolled_back")["msg"]


def test_removing_leaves_nothing(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    empty = set(cluster.objects)
    deploy(secrets={"password": SECRET}, replicas=2)
    told = call(state="absent", check_mode=True)
    assert told["changed"]
    assert set(cluster.objects) > empty
    gone = call(state="absent")
    assert gone["objects"] == told["objects"]
    assert set(cluster.objects) == empty
    assert not call(state="absent")["changed"]


def test_what_does_not_go_is_named(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    deploy()
    labelled = {"metadata": {"name": "stuck", "labels": {"core.spinkube.dev/app-name": "nonce"}}}
    cluster.put("/api/v1/namespaces/default/pods/stuck", labelled)
    result = call(state="absent", wait_timeout=0)
    assert "waited 0 s for Spin application nonce in default to be gone; last observed: Pod stuck left" in result["msg"]


@pytest.mark.parametrize("kind", ["deployments", "services"])
def test_an_object_of_somebody_else_is_refused(deploy: Any, call: Any, cluster: FakeCluster, kind: str) -> None:
    api = "/apis/apps/v1" if kind == "deployments" else "/api/v1"
    fields = [{"manager": "kubectl-create"}]
    metadata = {"name": "nonce", "namespace": "default", "managedFields": fields}
    theirs = {"metadata": metadata, "spec": {"replicas": 1}, "kind": kind}
    cluster.put(f"{api}/namespaces/default/{kind}/nonce", theirs)
    result = deploy()
    assert result["exit_status"] == 1
    assert "of that name, made by kubectl-create; choose another name, or remove that object first" in result["msg"]
    assert call(state="scaled", replicas=2)["exit_status"] == 1
    assert not call(state="absent")["changed"]
    assert cluster.changes == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"name": "Nonce"}, "'Nonce' is no name of a service; use lower-case letters"),
        ({"name": "n" * 53}, "its name has 53 characters, and labels are made of it; use at most 52"),
        ({"name": "nonce-"}, "'nonce-' is no name of a service"),
        ({"namespace": "a_b"}, "'a_b' is no name of a namespace"),
        ({"namespace": "none"}, "the namespace 'none' does not exist; make it first"),
        ({"image": "nonce:1.0"}, "names no registry"),
        ({"image": "registry.lab/nonce"}, "has neither tag nor digest"),
        ({"replicas": -1}, "replicas is -1; ask for 0 or more"),
        ({"variables": {"My-Var": "x"}}, "'My-Var' is no name of a variable"),
        ({"variables": {"a": "x"}, "secrets": {"a": SECRET}}, "the variable 'a' is given twice"),
        ({"memory_limit": "64MB"}, "memory_limit: '64MB' is no quantity; write it like 64Mi"),
        (
            {"memory_limit": "128Mi", "resources": {"limits": {"memory": "64Mi"}}},
            "is above resources.limits.memory",
        ),
        ({"runtime_config_secret": "mine"}, "the Secret 'mine' does not exist; make it"),
        ({"image_pull_secrets": ["login"]}, "the Secret 'login' does not exist"),
        ({"secret_references": [{"variable": "a", "name": "kept", "key": "b"}]}, "the Secret 'kept' has no key 'b'"),
        ({"volumes": [{"name": "d", "claim": "none", "path": "/d"}]}, "the claim 'none' does not exist; make the"),
        ({"volumes": [{"name": "d", "claim": "none", "path": "d"}]}, "has the path 'd'; write an absolute path"),
        ({"volumes": [{"name": "spin-d", "claim": "none", "path": "/d"}]}, "has a name that Spin uses itself"),
        ({"key_value_stores": [{"name": "a"}, {"name": "a"}]}, "the key-value store 'a' is given twice"),
        ({"key_value_stores": [{"name": "a"}], "runtime_config_secret": "mine"}, "has stores and a secret"),
        ({"form": "spinapp"}, "the cluster does not know core.spinkube.dev/v1alpha1 SpinApp; install the operator"),
    ],
)
def test_bad_input_changes_nothing(deploy: Any, cluster: FakeCluster, params: dict[str, Any], said: str) -> None:
    cluster.put("/api/v1/namespaces/default/secrets/kept", {"metadata": {"name": "kept"}, "data": {"a": "YQ=="}})
    result = deploy(**params)
    assert result["exit_status"] == 1
    assert said in result["msg"]
    assert SECRET not in result["msg"]
    assert cluster.changes == []


def test_a_refusal_of_the_server_is_one_line(deploy: Any, cluster: FakeCluster) -> None:
    cluster.refusals["/api/v1/namespaces/default/services"] = (
        403,
        'services "nonce" is forbidden: exceeded quota: few',
    )
    said = deploy()["msg"]
    assert "exceeded quota: few (403); raise the quota, or ask for less" in said


def test_with_the_operator_its_resource_is_made(deploy: Any, call: Any, cluster: FakeCluster) -> None:
    cluster.has_operator = True
    wanted = {"replicas": 2, "variables": {"greeting": "hi"}, "memory_limit": "64Mi", "readiness": {"path": "/ok"}}
    first = deploy(**wanted)
    assert (first["exit_status"], first["form"], first["objects"]) == (0, "spinapp", ["SpinApp nonce"])
    spec = cluster.of("spinapps", "nonce")["spec"]
    assert spec == {
        "image": IMAGE,
        "executor": "containerd-shim-spin",
        "replicas": 2,
        "variables": [{"name": "greeting", "value": "hi"}],
        "invocationLimits": {"memory": "64Mi"},
        "checks": {
            "readiness": {
                "httpGet": {"path": "/ok"},
                "initialDelaySeconds": 10,
                "timeoutSeconds": 1,
                "periodSeconds": 10,
                "failureThreshold": 3,
            }
        },
    }
    assert not deploy(replicas=2, variables={"greeting": "hi"}, memory_limit="64Mi", readiness={"path": "/ok"})[
        "changed"
    ]
    assert call(state="scaled", replicas=3)["rollout"]["available"] == 3
    deploy(image="registry.lab:5000/nonce:2.0", replicas=3)
    back = call(state="rolled_back")
    assert (back["exit_status"], back["rollout"]["state"]) == (0, "done")
    assert cluster.of("spinapps", "nonce")["spec"]["image"] == IMAGE
    assert cluster.of("spinapps", "nonce")["spec"]["replicas"] == 3
    assert call(state="absent")["changed"]
    assert [path for path in cluster.objects if "nonce" in path] == []


def test_an_application_keeps_its_form_when_the_operator_comes(deploy: Any, cluster: FakeCluster) -> None:
    deploy()
    cluster.has_operator = True
    assert deploy()["form"] == "deployment"
    assert not deploy()["changed"]


def test_a_cluster_that_is_away(call: Any, cluster: FakeCluster) -> None:
    cluster.url = "http://127.0.0.1:9"
    assert "check that the API server runs and that the address is right" in call(image=IMAGE)["msg"]
