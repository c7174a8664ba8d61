# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spin apps of the cluster under test, and pods that must fail.

It uses the official client of Kubernetes and nothing of the collection's modules: those are what is tested.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

import requests
from kubernetes import client, config

from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import bounded, core_api, wait_until

NAMESPACE = "apps"
RUNTIME_CLASS = "wasmtime-spin-v2"
MIRROR = "apps.lab.test"
POD_LIMIT_SECONDS = 60.0
# A machine boots, its kubelet comes back, and the control plane believes it.
RESTART_LIMIT_SECONDS = 180.0
_STATUS_LABEL = "core.spinkube.dev/app.{}.status"


@dataclass(frozen=True)
class Ended:
    """How a container ended: *reason* why it waits, exit *code*, its termination *message*, its *log*."""

    reason: str
    code: int | None
    message: str
    log: str


class SpinApps:
    """The apps in their namespace, through the cluster's *kubeconfig*."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = kubeconfig
        self.core = core_api(kubeconfig)
        self._apps = bounded(client.AppsV1Api(config.new_client_from_config(kubeconfig)))
        self._nodes = bounded(client.NodeV1Api(config.new_client_from_config(kubeconfig)))
        self._api_client = config.new_client_from_config(kubeconfig)

    def service_address(self, name: str) -> str:
        """Return the service address of an app."""
        return str(self.core.read_namespaced_service(name, NAMESPACE).spec.cluster_ip)

    def pods(self, name: str) -> list[Any]:
        """Return the pods of an app that are not being deleted."""
        found = self.core.list_namespaced_pod(NAMESPACE, label_selector=f"core.spinkube.dev/app-name={name}").items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def through_the_api(self, name: str, path: str) -> tuple[int, str]:
        """Ask an app through the API server's proxy of services; return status and body."""
        place = f"/api/v1/namespaces/{NAMESPACE}/services/{name}:80/proxy{path}"
        try:
            answer = self._api_client.call_api(
                place, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=30
            )
            return int(answer[1]), answer[0].data.decode()
        except client.ApiException as error:
            return int(error.status or 0), str(error.body or "")

    def wait_until_ready(self, name: str, limit: float = POD_LIMIT_SECONDS) -> None:
        """Wait until every wanted pod of an app is ready and no other is left."""

        def look() -> tuple[bool, str]:
            deployment = self._apps.read_namespaced_deployment(name, NAMESPACE)
            ready, wanted = deployment.status.ready_replicas or 0, deployment.spec.replicas
            there = len(
                self.core.list_namespaced_pod(NAMESPACE, label_selector=f"core.spinkube.dev/app-name={name}").items
            )
            return ready == wanted == there, f"{ready} of {wanted} pods ready, {there} there"

        wait_until(f"app {name}", look, limit)

    def wait_until_restarted(self, name: str, restarts: int) -> None:
        """Wait until the one pod of an app is ready with a container that was started after *restarts* others."""

        def look() -> tuple[bool, str]:
            found = [
                (each.restart_count, each.ready)
                for pod in self.pods(name)
                for each in pod.status.container_statuses or ()
            ]
            return any(count > restarts and ready for count, ready in found), f"containers (restarts, ready): {found}"

        wait_until(f"a new container of app {name}", look, RESTART_LIMIT_SECONDS)

    def node_port(self, name: str) -> int:
        """Return the port of every node at which an app is served, made when it has none."""
        body = {
            "metadata": {"name": f"{name}-outside"},
            "spec": {
                "type": "NodePort",
                "selector": {_STATUS_LABEL.format(name): "ready"},
                "ports": [{"port": 80, "targetPort": "http-app"}],
            },
        }
        present = [
            each
            for each in self.core.list_namespaced_service(NAMESPACE).items
            if each.metadata.name == f"{name}-outside"
        ]
        service = present[0] if present else self.core.create_namespaced_service(NAMESPACE, body)
        return int(service.spec.ports[0].node_port)

    def handlers(self) -> dict[str, bool]:
        """Return node -> whether its container runtime has the handler ``spin``."""
        return {
            node.metadata.name: "spin" in {each.name for each in node.status.runtime_handlers or ()}
            for node in self.core.list_node().items
        }

    def create_runtime_class(self, name: str, handler: str) -> None:
        """Create a RuntimeClass."""
        self._nodes.create_runtime_class({"metadata": {"name": name}, "handler": handler})

    def remove_runtime_class(self, name: str) -> None:
        """Remove a RuntimeClass."""
        self._nodes.delete_runtime_class(name)

    def create_pod(self, image: str, runtime_class: str = RUNTIME_CLASS, node: str = "", **container: Any) -> str:
        """Create a pod as the operator would make it and return its name; raises ``ApiException``."""
        name = f"verify-{uuid.uuid4().hex[:8]}"
        spec: dict[str, Any] = {
            "runtimeClassName": runtime_class,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [{"name": "app", "image": image, "command": ["/"], **container}],
        }
        if node:
            spec["nodeName"] = node
        self.core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": name}, "spec": spec})
        return name

    def remove_pod(self, name: str) -> None:
        """Delete a pod at once."""
        self.core.delete_namespaced_pod(name, NAMESPACE, grace_period_seconds=0)

    def wait_for_end(self, name: str) -> Ended:
        """Wait until the container of a pod has ended and is held back; return how."""
        found: list[Ended] = []

        def look() -> tuple[bool, str]:
            found[:] = [self._ended(name)]
            return found[0].reason == "CrashLoopBackOff", f"{found[0]}"

        wait_until(f"the end of pod {name}", look, POD_LIMIT_SECONDS)
        return found[0]

    def _ended(self, name: str) -> Ended:
        pod = self.core.read_namespaced_pod(name, NAMESPACE)
        for status in pod.status.container_statuses or ():
            waiting, last = status.state.waiting, status.last_state.terminated or status.state.terminated
            if last is not None:
                log = self.core.read_namespaced_pod_log(name, NAMESPACE) if waiting else ""
                return Ended(waiting.reason if waiting else "", last.exit_code, last.message or "", log)
        return Ended("", None, "", "")

    def wait_for_event(self, name: str, reason: str) -> str:
        """Wait until a pod has an event and return its message."""
        found: list[str] = []

        def look() -> tuple[bool, str]:
            events = self.core.list_namespaced_event(NAMESPACE, field_selector=f"involvedObject.name={name}").items
            found[:] = [event.message for event in events if event.reason == reason]
            return bool(found), f"{[event.reason for event in events]}"

        wait_until(f"event {reason} of pod {name}", look, POD_LIMIT_SECONDS)
        return found[0]

    def log(self, name: str) -> str:
        """Return what the pods of an app wrote."""
        return "".join(self.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) for pod in self.pods(name))


def digest_of(nonce: str) -> str:
    """Return what the app ``nonce`` must answer."""
    return f"{hashlib.sha256(nonce.encode()).hexdigest()}\n"


def outside(address: str, port: int, path: str, limit: float = 10.0) -> tuple[int, str]:
    """Ask from this machine; return status and body, status 0 when nobody answered within *limit* seconds."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"http://{address}:{port}{path}", timeout=limit)
    except requests.RequestException as error:
        return 0, str(error)
    return answer.status_code, answer.text
