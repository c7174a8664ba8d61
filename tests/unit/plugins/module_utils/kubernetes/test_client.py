# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thin Kubernetes client against a server on loopback: plain data, typed errors of one line."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.cluster_reading import counts, read_kubernetes
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import (
    KubeconfigInvalid,
    KubernetesAnswer,
    KubernetesError,
    KubernetesRefused,
    KubernetesUnreachable,
)
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.kubeconfig_text import parse_kubeconfig
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.kubeconfig import render_kubeconfig
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.kubernetes.conftest import FakeApi

NODE = {
    "metadata": {"name": "cp1"},
    "spec": {},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "198.18.1.11"}, {"type": "Hostname", "address": "cp1"}],
        "conditions": [{"type": "Ready", "status": "False", "message": "container runtime is down"}],
    },
}
POD = {
    "metadata": {"name": "kube-proxy-x", "namespace": "kube-system", "labels": {"k8s-app": "kube-proxy"}},
    "spec": {"nodeName": "cp1"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}], "podIPs": [{"ip": "198.18.1.11"}]},
}
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def failure(client: KubernetesClient, path: str = "/api/v1/nodes") -> KubernetesError:
    with client, pytest.raises(KubernetesError) as raised:
        client.get(path)
    assert "\n" not in str(raised.value)
    assert client.server in str(raised.value)
    return raised.value


def test_lists_are_plain_data(api: FakeApi) -> None:
    api.answers["/api/v1/nodes"] = (200, {"items": [NODE]})
    api.answers["/api/v1/namespaces/kube-system/pods"] = (200, {"items": [POD]})
    api.answers["/version"] = (200, {"gitVersion": "v1.35.4"})
    with KubernetesClient(api.kubeconfig()) as client:
        assert client.list_nodes() == [NODE]
        assert client.list_pods("kube-system") == [POD]
        assert client.version() == "v1.35.4"
        assert client.server == api.url


def test_queries_and_text(api: FakeApi) -> None:
    api.answers["/readyz?verbose=true"] = (200, "ok")
    with KubernetesClient(api.kubeconfig()) as client:
        assert client.get_text("/readyz", {"verbose": "true"}) == "ok"


@pytest.mark.parametrize("text", ["<html>sign in</html>", "", "[]", '"ok"'])
def test_an_answer_that_is_no_object_is_one_line(api: FakeApi, text: str) -> None:
    api.answers["/api/v1/nodes"] = (200, text)
    error = failure(KubernetesClient(api.kubeconfig()))
    assert "the answer is no object of Kubernetes" in str(error)
    assert "check that an API server is at this address" in str(error)


def test_nothing_listens(api: FakeApi) -> None:
    url = f"https://127.0.0.1:{closed_port()}"
    error = failure(KubernetesClient(api.kubeconfig(url=url)))
    assert isinstance(error, KubernetesUnreachable)
    assert "Connection refused" in str(error)
    assert "check that the API server runs" in str(error)


def test_no_answer_in_time(api: FakeApi) -> None:
    error = failure(KubernetesClient(api.kubeconfig(), timeout=2), "/slow")
    assert isinstance(error, KubernetesUnreachable)
    assert "no answer within 2 s" in str(error)


def test_another_cluster(api: FakeApi) -> None:
    other = pki.create_ca("ecdsa", "kubernetes")
    error = failure(KubernetesClient(api.kubeconfig(other)))
    assert isinstance(error, KubernetesRefused)
    assert "does not belong to the cluster of the kubeconfig" in str(error)


def test_a_client_certificate_of_another_cluster(api: FakeApi) -> None:
    admin = pki.issue_kubernetes_admin(pki.create_ca("ecdsa", "kubernetes"))
    error = failure(KubernetesClient(render_kubeconfig("home", api.url, api.ca.crt, admin.crt, admin.key)))
    assert isinstance(error, (KubernetesRefused, KubernetesUnreachable))


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (401, KubernetesRefused, "create the kubeconfig anew"),
        (403, KubernetesRefused, "use a kubeconfig with more permissions"),
        (500, KubernetesAnswer, "look at the API server's log"),
    ],
)
def test_answers_of_the_server(api: FakeApi, status: int, kind: type[KubernetesError], remedy: str) -> None:
    api.answers["/api/v1/nodes"] = (status, {"kind": "Status", "message": "nodes is forbidden"})
    error = failure(KubernetesClient(api.kubeconfig()))
    assert isinstance(error, kind)
    assert "nodes is forbidden" in str(error)
    assert remedy in str(error)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("clusters: [", "kubeconfig:1: "),
        ("", "is no kubeconfig"),
        ("- 1\n", "is no kubeconfig"),
        ("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n", "is no kubeconfig"),
    ],
)
def test_no_kubeconfig(text: str, cause: str) -> None:
    with pytest.raises(KubeconfigInvalid) as raised:
        KubernetesClient(text)
    assert "reading the kubeconfig at kubeconfig" in str(raised.value)
    assert cause.removeprefix("kubeconfig:1: ") in str(raised.value)
    assert "create it anew with homelab.talos.kubeconfig" in str(raised.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigInvalid) as raised:
        KubernetesClient.from_path(str(tmp_path / "kubeconfig"))
    assert f"{tmp_path}/kubeconfig failed: cannot be read: No such file or directory" in str(raised.value)


def test_proxies_of_the_environment_are_not_for_the_house(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    api.answers["/api/v1/nodes"] = (200, {"items": []})
    with KubernetesClient(api.kubeconfig()) as client:
        assert client.list_nodes() == []


RUNTIME_CLASS = {
    "metadata": {"name": "wasmtime-spin-v2"},
    "handler": "spin",
    "scheduling": {"nodeSelector": {"a": "b"}},
}


def test_reading_for_the_health_checks(api: FakeApi, tmp_path: Path) -> None:
    apps = "/apis/apps/v1/namespaces/kube-system"
    api.answers.update(
        {
            "/api/v1/nodes": (200, {"items": [NODE]}),
            "/api/v1/namespaces/kube-system/pods": (200, {"items": [POD]}),
            f"{apps}/daemonsets": (
                200,
                {"items": [{"metadata": {"name": "kube-proxy"}, "status": {"desiredNumberScheduled": 4}}]},
            ),
            f"{apps}/deployments": (200, {"items": [{"metadata": {"name": "coredns"}, "spec": {"replicas": 2}}]}),
            "/apis/node.k8s.io/v1/runtimeclasses": (200, {"items": [RUNTIME_CLASS]}),
            "/api/v1/namespaces/default/services/kubernetes": (200, {"spec": {"clusterIPs": ["10.96.0.1"]}}),
            f"{SLICES}?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes": (
                200,
                {"items": [{"endpoints": [{"addresses": ["198.18.1.11"]}]}]},
            ),
        }
    )
    path = tmp_path / "kubeconfig"
    path.write_text(api.kubeconfig())
    assert read_kubernetes(str(path), 5) == {
        "nodes": [
            {
                "name": "cp1",
                "addresses": ["198.18.1.11"],
                "ready": False,
                "ready_since": "",
                "reason": "container runtime is down",
                "schedulable": True,
                "labels": {},
            }
        ],
        "pods": [
            {
                "namespace": "kube-system",
                "name": "kube-proxy-x",
                "node": "cp1",
                "app": "kube-proxy",
                "ready": True,
                "addresses": ["198.18.1.11"],
                "health_error": "port 10256/healthz: not found (404)",
            }
        ],
        "daemon_sets": {"kube-proxy": 4},
        "deployments": {"coredns": 2},
        "services": [{"name": "default/kubernetes", "addresses": ["10.96.0.1"], "endpoints": ["198.18.1.11"]}],
        "runtime_classes": [{"name": "wasmtime-spin-v2", "handler": "spin", "node_selector": {"a": "b"}}],
    }


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ({}, True),
        ({"metadata": {"name": "x", "deletionTimestamp": "2026-11-20T12:00:00Z"}}, False),
        ({"status": {"phase": "Failed"}}, False),
        ({"status": {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}}, False),
        ({"status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}}, True),
        ({"status": {"phase": "Pending"}}, True),
    ],
)
def test_pods_that_are_over_do_not_count(change: dict[str, object], counted: bool) -> None:
    assert counts({**POD, **change}) is counted


def test_reading_says_why_it_could_not(tmp_path: Path) -> None:
    reading = read_kubernetes(str(tmp_path / "missing"), 5)
    assert list(reading) == ["error"]
    assert "cannot be read" in reading["error"]


def test_the_parts_of_a_kubeconfig(api: FakeApi) -> None:
    found = parse_kubeconfig(api.kubeconfig(), "x")
    assert (found.context, found.contexts, found.cluster, found.server) == (
        "admin@home",
        ("admin@home",),
        "home",
        api.url,
    )
    assert pki.is_issued_by(found.crt, found.ca)
    assert pki.validity(found.crt)[1] > datetime.datetime.now(datetime.UTC)
    assert "PRIVATE KEY" not in repr(found)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("current-context: admin@home", "current-context: other"), "has no context 'other'"),
        (("client-key-data", "client-key"), "has no readable client-key-data"),
        (("kind: Config", "kind: Pod"), "is no kubeconfig"),
        (("apiVersion: v1", "apiVersion: ["), "YAML is broken"),
    ],
)
def test_a_broken_kubeconfig_is_named(api: FakeApi, change: tuple[str, str], cause: str) -> None:
    text: Any = api.kubeconfig().replace(*change)
    with pytest.raises(KubeconfigInvalid) as raised:
        parse_kubeconfig(text, "/some/kubeconfig")
    assert "/some/kubeconfig" in str(raised.value)
    assert cause in str(raised.value)
