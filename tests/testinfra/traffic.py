# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: services and DNS of the cluster under test, tried from every node and from a pod on every node.

Each node gets two pods: one in the pod network, which is both target and source, and one in the network of the node.
Both are asked through the API server and the kubelet, never through what is tried. They are gone afterwards.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import stream

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import core_api, wait_until
from ansible_collections.homelab.talos.tests.testinfra.traffic_questions import (
    POD_PORT,
    Target,
    Traffic,
    keep,
    node_source,
    pod_source,
    questions,
)

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.59"
PROBE = "homelab.talos.test/probe:v1"
LIMIT_SECONDS = 90.0
ANSWER_SECONDS = 30
SETTLE_SECONDS = 20.0


class Probes:
    """The pods on the nodes, in a namespace of their own."""

    def __init__(self, api: Any, namespace: str, nodes: list[str]) -> None:
        self._api = api
        self.namespace = namespace
        self._nodes = nodes

    def prepare(self) -> dict[str, Target]:
        """Create everything and return node -> its target once all pods run.

        :raises AssertionError: they do not within the limit.
        """
        privileged = {"pod-security.kubernetes.io/enforce": "privileged"}
        self._api.create_namespace({"metadata": {"name": self.namespace, "labels": privileged}})
        wait_until(f"the service account of namespace {self.namespace}", self._account)
        for node in self._nodes:
            self._api.create_namespaced_service(self.namespace, _service(node))
            self._api.create_namespaced_pod(self.namespace, _target_pod(node))
            self._api.create_namespaced_pod(self.namespace, _node_pod(node))
        wait_until(f"{2 * len(self._nodes)} pods of {self.namespace} to run", self._running, LIMIT_SECONDS)
        pods = {pod.metadata.name: pod for pod in self._api.list_namespaced_pod(self.namespace).items}
        services = {each.metadata.name: each for each in self._api.list_namespaced_service(self.namespace).items}
        return {
            node: Target(name, pods[target_name(node)].status.pod_ip, services[name].spec.cluster_ip)
            for node, name in ((node, service_name(node)) for node in self._nodes)
        }

    def _account(self) -> tuple[bool, str]:
        names = [each.metadata.name for each in self._api.list_namespaced_service_account(self.namespace).items]
        return "default" in names, f"service accounts {names}"

    def _running(self) -> tuple[bool, str]:
        pods = self._api.list_namespaced_pod(self.namespace).items
        waiting = [pod.metadata.name for pod in pods if not _is_ready(pod)]
        return not waiting and len(pods) == 2 * len(self._nodes), f"not ready: {waiting}"

    def remove(self) -> None:
        """Delete the pods and the namespace; waits for the end of the pods, the empty namespace ends by itself."""
        self._api.delete_collection_namespaced_pod(self.namespace)

        def gone() -> tuple[bool, str]:
            names = [pod.metadata.name for pod in self._api.list_namespaced_pod(self.namespace).items]
            return not names, f"pods {names}"

        wait_until(f"the end of the pods of {self.namespace}", gone)
        self._api.delete_namespace(self.namespace)


def target_name(node: str) -> str:
    """Return the name of a node's target, which is what it answers as its host name."""
    return f"target-{node}"


def service_name(node: str) -> str:
    """Return the name of the service of a node's target; a pod's own name would not be asked of DNS."""
    return f"service-{node}"


def _pod(name: str, node: str, containers: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeName": node,
            "containers": [{"imagePullPolicy": "IfNotPresent", **each} for each in containers],
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            **spec,
        },
    }


def _target_pod(node: str) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/hostname", "port": POD_PORT}, "periodSeconds": 1}
    serve = {"name": "serve", "image": AGNHOST, "args": ["netexec", f"--http-port={POD_PORT}", "--udp-port=-1"]}
    return _pod(target_name(node), node, [{**serve, "readinessProbe": ready}, _PROBE_CONTAINER])


def _node_pod(node: str) -> dict[str, Any]:
    return _pod(f"node-{node}", node, [_PROBE_CONTAINER], hostNetwork=True, dnsPolicy="Default")


_PROBE_CONTAINER = {"name": "probe", "image": PROBE, "args": ["wait"]}


def _service(node: str) -> dict[str, Any]:
    spec = {"selector": {"app": target_name(node)}, "ports": [{"port": 80, "targetPort": POD_PORT}]}
    return {"metadata": {"name": service_name(node)}, "spec": spec}


def _is_ready(pod: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())


def ask(kubeconfig: str, namespace: str, pod: str, asked: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers of the program ``probe`` in a pod; an error in words for each when it cannot be asked."""
    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    command = ["/probe", "ask", json.dumps(asked)]
    try:
        connection = stream(
            api.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container="probe",
            command=command,
            stdout=True,
            stderr=True,
            _preload_content=False,
            _request_timeout=ANSWER_SECONDS,
        )
        connection.run_forever(timeout=ANSWER_SECONDS)
        answers: list[dict[str, Any]] = json.loads(connection.read_stdout(timeout=1) or "")
    except (client.ApiException, ValueError, OSError) as error:
        return [{"error": f"{pod} cannot be asked: {' '.join(str(error).split())}"} for _each in asked]
    return answers


@pytest.fixture(scope="session")
def traffic(expected: Expected, require: Callable[[str], None]) -> Iterator[Traffic]:
    """What came of all questions, asked once."""
    require("probe")
    kubeconfig = os.environ.get("KUBECONFIG", "")
    nodes = sorted(expected.nodes)
    probes = Probes(core_api(kubeconfig), f"traffic-{uuid.uuid4().hex[:8]}", nodes)
    try:
        targets = probes.prepare()
        yield settled(lambda: collect(kubeconfig, probes.namespace, targets, expected.cluster))
    finally:
        probes.remove()


def settled(ask_all: Callable[[], Traffic], limit: float = SETTLE_SECONDS) -> Traffic:
    """Return what was found once everything is answered, at the latest after the limit (seconds).

    A service is not known on all nodes at the moment it exists. What is answered is judged elsewhere.
    """
    end = time.monotonic() + limit
    while True:
        found = ask_all()
        if not found.failures or time.monotonic() >= end:
            return found


def collect(kubeconfig: str, namespace: str, targets: Mapping[str, Target], cluster: Mapping[str, str]) -> Traffic:
    """Ask everything from everywhere and return what was found."""
    traffic = Traffic(services={node: target.service for node, target in targets.items()})
    sources = [(node_source(node), f"node-{node}", True) for node in targets]
    sources += [(pod_source(node), target_name(node), False) for node in targets]
    asked = {of_node: questions(targets, cluster, namespace, of_node) for of_node in (True, False)}
    with ThreadPoolExecutor(len(sources)) as pool:
        answers = pool.map(
            lambda each: ask(kubeconfig, namespace, each[1], [one.asked for one in asked[each[2]]]), sources
        )
        for (source, _pod_name, of_node), found in zip(sources, answers, strict=True):
            keep(traffic, source, asked[of_node], found)
    return traffic
