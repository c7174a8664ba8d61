# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for Spin applications against the real API server and controllers of the engine, without any node.

What a stand-in could get wrong with us: which fields a server adds, whose fields they are, and what admission says.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.homelab.talos.lab.engine.ensure import ensure_engine, print_progress
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesError
from ansible_collections.homelab.talos.plugins.module_utils.spin.cluster_runtime import RuntimeNames, runtime_class
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.kubeconfig import render_kubeconfig
from ansible_collections.homelab.talos.plugins.modules import spin_app, spin_app_info

LIMIT_SECONDS = 90.0
IMAGE = "registry.lab:5000/nonce:1.0"
SECRET = "a-very-secret-word"
CONTROLLERS = "deployment-controller,replicaset-controller,serviceaccount-controller,garbage-collector-controller"
PODS = "/api/v1/namespaces/default/pods"
RUNTIME_CLASS = "/apis/node.k8s.io/v1/runtimeclasses/wasmtime-spin-v2"


def free_port() -> int:
    """Return a port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], bool], limit: float = LIMIT_SECONDS) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"waited {limit:g} s for {what}"
        # sleep: the poll of a wait with a limit
        time.sleep(0.2)


class ControlPlane:
    """etcd, API server and controllers on loopback."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self._engine = ensure_engine(print_progress)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._etcd, self._secure = free_port(), free_port()
        authority = secrets_bundle.authority(secrets_bundle.generate(service_account_bits=2048), "k8s")
        served = pki.issue(authority, ("server",), "kube-apiserver", sans=("127.0.0.1",))
        admin = pki.issue_kubernetes_admin(authority)
        account = pki.generate_rsa_key(2048)
        files = {"ca.crt": authority.crt, "api.crt": served.crt, "api.key": served.key, "sa.key": account}
        for name, content in files.items():
            (directory / name).write_bytes(content)
        url = f"https://127.0.0.1:{self._secure}"
        self.kubeconfig.write_text(render_kubeconfig("lab", url, authority.crt, admin.crt, admin.key))

    def start(self) -> None:
        """Start everything and wait for the default service account, without which no pod can be made."""
        peer = f"http://127.0.0.1:{free_port()}"
        client = f"http://127.0.0.1:{self._etcd}"
        self._run(
            "etcd",
            f"--data-dir={self.directory}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync=true",
        )
        self._run(
            "kube-apiserver",
            f"--etcd-servers={client}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._secure}",
            f"--cert-dir={self.directory}",
            f"--tls-cert-file={self.directory}/api.crt",
            f"--tls-private-key-file={self.directory}/api.key",
            f"--client-ca-file={self.directory}/ca.crt",
            f"--service-account-key-file={self.directory}/sa.key",
            f"--service-account-signing-key-file={self.directory}/sa.key",
            "--service-account-issuer=https://lab",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
        )
        until("the API server", lambda: self.answers("/readyz"))
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--controllers={CONTROLLERS}",
            f"--service-account-private-key-file={self.directory}/sa.key",
            "--leader-elect=false",
            "--secure-port=0",
        )
        until("the service account", lambda: self.answers("/api/v1/namespaces/default/serviceaccounts/default"))

    def stop(self) -> None:
        """End everything."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def answers(self, path: str) -> bool:
        """Tell whether the API server answers a path."""
        try:
            with KubernetesClient.from_path(str(self.kubeconfig), 5) as client:
                client.get_text(path)
        except KubernetesError:
            return False
        return True

    def client(self) -> KubernetesClient:
        """Return a client of an administrator."""
        return KubernetesClient.from_path(str(self.kubeconfig), 10)

    def _run(self, program: str, *arguments: str) -> None:
        with (self.directory / f"{program}.log").open("wb") as log:
            command = [str(self._engine.path(program)), *arguments]
            self._processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            )


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path_factory.mktemp("plane"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def client(plane: ControlPlane) -> Iterator[KubernetesClient]:
    with plane.client() as made:
        yield made


@pytest.fixture
def call(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(
        module: ModuleType = spin_app, check_mode: bool = False, diff: bool = False, **params: Any
    ) -> dict[str, Any]:
        given = {"kubeconfig": str(plane.kubeconfig), "name": "nonce", **params}
        arguments = {**given, "_ansible_check_mode": check_mode, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


@pytest.fixture(autouse=True)
def runtime(client: KubernetesClient) -> Iterator[None]:
    """Have a RuntimeClass, and no application afterwards."""
    client.apply(RUNTIME_CLASS, runtime_class(RuntimeNames()), "test")
    yield
    client.delete(RUNTIME_CLASS)


def all_ready(client: KubernetesClient, number: int) -> None:
    """Do what kubelets would do: call every pod ready, once the wanted number of them is there."""

    def ready() -> bool:
        pods = [pod for pod in client.list_pods("default") if "deletionTimestamp" not in pod["metadata"]]
        for pod in pods:
            conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T12:00:00Z"}]
            path = f"{PODS}/{pod['metadata']['name']}/status"
            with contextlib.suppress(KubernetesError):
                client.merge(path, {"status": {"phase": "Running", "conditions": conditions}}, "kubelet")
        found = client.find("/apis/apps/v1/namespaces/default/deployments/nonce") or {}
        status = found.get("status") or {}
        return bool(
            status.get("availableReplicas") == status.get("replicas") == status.get("updatedReplicas") == number
        )

    until(f"{number} ready pods", ready)


def test_a_life_of_an_application(call: Any, client: KubernetesClient) -> None:
    wanted = {
        "image": IMAGE,
        "replicas": 2,
        "secrets": {"password": SECRET},
        "variables": {"greeting": "one"},
        "memory_limit": "64Mi",
        "resources": {"limits": {"memory": "128Mi", "cpu": "0.5"}},
        "readiness": {"path": "/"},
        "liveness": {"path": "/"},
        "pod_labels": {"team": "a"},
        "service_annotations": {"note": "b"},
        "update_strategy": "Recreate",
        "wait": False,
    }
    told = call(**wanted, check_mode=True)
    assert told["changed"], told
    assert client.find("/apis/apps/v1/namespaces/default/deployments/nonce") is None
    began = time.monotonic()
    first = call(**wanted)
    assert first["changed"], first
    assert time.monotonic() - began < LIMIT_SECONDS
    assert first["rollout"]["state"] in ("pending", "running")
    assert not call(**wanted)["changed"], "a server adds fields, which are nobody's change"
    assert not call(**wanted, check_mode=True)["changed"]
    all_ready(client, 2)
    done = call(spin_app_info, submission=first["submission"])
    assert done["rollout"]["state"] == "done", done
    assert not call(**wanted)["changed"]

    call(**{**wanted, "variables": {}, "image": "registry.lab:5000/nonce:2.0"})
    all_ready(client, 2)
    env = container(client)["env"]
    assert "SPIN_VARIABLE_GREETING" not in {each["name"] for each in env}, "what is not wanted any more is taken away"
    assert call(spin_app_info, submission=first["submission"])["rollout"]["state"] == "superseded"

    assert call(state="rolled_back", wait=False)["changed"]
    all_ready(client, 2)
    assert container(client)["image"] == IMAGE
    assert not call(**wanted)["changed"], "the revision before is what was wanted then"

    assert call(state="scaled", replicas=3, wait=False)["changed"]
    all_ready(client, 3)
    assert container(client)["image"] == IMAGE
    assert call(**wanted)["objects"] == ["Deployment nonce"]
    gone = call(state="absent", wait_timeout=60)
    assert gone["changed"], gone
    assert not call(state="absent")["changed"]
    labelled = {"labelSelector": "core.spinkube.dev/app-name=nonce"}
    for path in ("/apis/apps/v1/deployments", "/apis/apps/v1/replicasets", "/api/v1/pods", "/api/v1/secrets"):
        assert client.get(path, labelled)["items"] == [], path


def container(client: KubernetesClient) -> dict[str, Any]:
    """Return the container of the application's Deployment."""
    found = client.get("/apis/apps/v1/namespaces/default/deployments/nonce")
    made: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
    return made


def test_without_a_runtime_class_the_reason_is_that_of_admission(call: Any, client: KubernetesClient) -> None:
    client.delete(RUNTIME_CLASS)
    result = call(image=IMAGE, wait_timeout=60)
    assert result["rollout"]["reason"] == "runtime-class-missing", result
    assert 'RuntimeClass "wasmtime-spin-v2" not found' in result["msg"]
    assert "homelab.talos.spin_runtime" in result["msg"]
    call(state="absent", wait_timeout=60)


def test_a_quota_is_the_reason(call: Any, client: KubernetesClient) -> None:
    path = "/api/v1/namespaces/default/resourcequotas/few"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}}}
    client.apply(path, quota, "test")
    client.merge(f"{path}/status", {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}}, "test")
    result = call(image=IMAGE, wait_timeout=60)
    assert result["rollout"]["reason"] == "quota", result
    assert "exceeded quota: few" in result["msg"]
    client.delete(path)
    call(state="absent", wait_timeout=60)


def test_what_the_server_refuses_is_one_line(call: Any) -> None:
    result = call(image=IMAGE, pod_labels={"not a key": "x"}, secrets={"password": SECRET})
    assert result["failed"]
    assert 'Deployment.apps "nonce" is invalid' in result["msg"]
    assert "\n" not in result["msg"]
    assert SECRET not in json.dumps(result)
    call(state="absent", wait_timeout=60)


def test_an_object_of_somebody_else(call: Any, client: KubernetesClient) -> None:
    path = "/api/v1/namespaces/default/services/nonce"
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "nonce"}, "spec": {"ports": [{"port": 80}]}}
    client.apply(path, theirs, "somebody")
    assert "there is a Service of that name, made by somebody; choose another name" in call(image=IMAGE)["msg"]
    client.delete(path)
