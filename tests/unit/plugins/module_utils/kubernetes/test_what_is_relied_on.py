# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and the health of pods: whatever an API server says is read, and a pod that is silent is one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesAnswer
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.pod_health import with_health
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.services import read_services, ready_addresses
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.kubernetes.conftest import FakeApi

API = "/api/v1/namespaces/default/services/kubernetes"
DNS = "/api/v1/namespaces/kube-system/services/kube-dns"


def slices(namespace: str, name: str) -> str:
    query = f"labelSelector=kubernetes.io%2Fservice-name%3D{name}"
    return f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?{query}"


@pytest.fixture
def client(api: FakeApi) -> Iterator[KubernetesClient]:
    with KubernetesClient(api.kubeconfig(), timeout=20) as found:
        yield found


def test_services_with_who_is_ready_behind_them(api: FakeApi, client: KubernetesClient) -> None:
    behind = [
        {"addresses": ["10.244.1.2"], "conditions": {"ready": True}},
        {"addresses": ["10.244.2.2"], "conditions": {"ready": False}},
    ]
    api.answers[API] = (200, {"spec": {"clusterIP": "10.96.0.1"}})
    api.answers[slices("default", "kubernetes")] = (200, {"items": None})
    api.answers[DNS] = (200, {"spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00::a"]}})
    api.answers[slices("kube-system", "kube-dns")] = (200, {"items": [{"endpoints": behind}]})
    assert read_services(client) == [
        {"name": "default/kubernetes", "addresses": ["10.96.0.1"], "endpoints": []},
        {"name": "kube-system/kube-dns", "addresses": ["10.96.0.10", "fd00::a"], "endpoints": ["10.244.1.2"]},
    ]


def test_a_service_that_does_not_exist_is_left_out_and_another_refusal_is_told(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.answers[API] = (200, {})
    api.answers[slices("default", "kubernetes")] = (200, {})
    assert read_services(client) == [{"name": "default/kubernetes", "addresses": [], "endpoints": []}]
    api.answers[DNS] = (500, {"message": "etcdserver: no leader"})
    with pytest.raises(KubernetesAnswer, match="etcdserver: no leader"):
        read_services(client)


@pytest.mark.parametrize(
    ("endpoints", "ready"),
    [
        (None, []),
        (
            [{"addresses": ["b"], "conditions": {}}, {"addresses": ["a"]}, {"addresses": ["c"], "conditions": None}],
            "abc",
        ),
        ([{"addresses": None}, {"addresses": ["a"], "conditions": {"ready": None}}], "a"),
        ([{"addresses": ["a", "a"], "conditions": {"ready": False, "serving": True, "terminating": True}}], []),
    ],
)
def test_an_endpoint_is_ready_unless_it_says_otherwise(endpoints: Any, ready: Any) -> None:
    assert ready_addresses([{"endpoints": endpoints}]) == list(ready)


def pod(name: str, app: str = "kube-dns", ready: bool = True) -> dict[str, Any]:
    return {"namespace": "kube-system", "name": name, "app": app, "ready": ready}


def test_pods_are_asked_for_their_health(api: FakeApi, client: KubernetesClient) -> None:
    pods = "/api/v1/namespaces/kube-system/pods"
    refused = "error trying to reach service: dial tcp 198.18.1.12:10256: connect: connection refused"
    api.answers[f"{pods}/dns-a:8181/proxy/ready"] = (200, "OK")
    api.answers[f"{pods}/dns-b:8181/proxy/ready"] = (503, "kubernetes")
    api.answers[f"{pods}/proxy-a:10256/proxy/healthz"] = (200, "{}")
    api.answers[f"{pods}/proxy-b:10256/proxy/healthz"] = (503, {"kind": "Status", "message": refused})
    asked = [pod("dns-a"), pod("dns-b"), pod("proxy-a", "kube-proxy"), pod("proxy-b", "kube-proxy")]
    silent = [pod("dns-c", ready=False), pod("other", "metrics-server"), pod("etcd", "")]
    assert {each["name"]: each["health_error"] for each in with_health(client, [*asked, *silent])} == {
        "dns-a": "",
        "dns-b": "port 8181/ready: Service Unavailable (503)",
        "proxy-a": "",
        "proxy-b": f"port 10256/healthz: {refused} (503)",
        "dns-c": None,
        "other": None,
        "etcd": None,
    }
    assert len(api.asked) == len(asked)
