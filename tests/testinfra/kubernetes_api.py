# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: the Kubernetes API of the cluster under test, and pods to try it with.

It uses the official client with the kubeconfig that the environment variable KUBECONFIG names, and nothing of the
collection: the collection is what is tested.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from kubernetes import client, config

IMAGE = "registry.k8s.io/pause:3.10.1"
LIMIT_SECONDS = 60.0
REQUEST_SECONDS = 10


def wait_until(awaited: str, look: Callable[[], tuple[bool, str]], limit: float = LIMIT_SECONDS) -> None:
    """Look until the condition holds.

    :param look: returns whether it holds, and the observed value in words.
    :raises AssertionError: the limit (seconds) has passed; names what was awaited and what was seen last.
    """
    end = time.monotonic() + limit
    while True:
        done, seen = look()
        if done:
            return
        if time.monotonic() >= end:
            raise AssertionError(f"waited {limit:g} s for {awaited}; last observed: {seen}")
        # sleep: the poll of a wait with a limit
        time.sleep(0.5)


class Workload:
    """Pods in a namespace of their own."""

    def __init__(self, api: Any, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def prepare(self) -> None:
        """Create the namespace and wait until pods may be created in it."""
        self._api.create_namespace({"metadata": {"name": self._namespace}})

        def account() -> tuple[bool, str]:
            found = self._api.list_namespaced_service_account(self._namespace).items
            names = [item.metadata.name for item in found]
            return "default" in names, f"service accounts {names}"

        wait_until(f"the service account default of namespace {self._namespace}", account)

    def run(self, name: str, selector: Mapping[str, str]) -> str:
        """Run a pod on a node with the labels and return the name of that node.

        :raises AssertionError: it does not run within the limit.
        """
        container = {"name": "main", "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
        spec = {
            "containers": [container],
            "nodeSelector": dict(selector),
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
        }
        self._api.create_namespaced_pod(self._namespace, {"metadata": {"name": name}, "spec": spec})

        def running() -> tuple[bool, str]:
            pod = self._api.read_namespaced_pod(name, self._namespace)
            started = pod.status.phase == "Running" and all(c.ready for c in pod.status.container_statuses or ())
            waiting = [c.state.waiting.reason for c in pod.status.container_statuses or () if c.state.waiting]
            unmet = [c.message for c in pod.status.conditions or () if c.status == "False" and c.message]
            return started, f"phase {pod.status.phase} {waiting or unmet or ''}"

        wait_until(f"pod {self._namespace}/{name} to run", running)
        return str(self._api.read_namespaced_pod(name, self._namespace).spec.node_name)

    def remove(self) -> None:
        """Delete the namespace and wait until it is gone."""
        self._api.delete_namespace(self._namespace)

        def gone() -> tuple[bool, str]:
            names = [item.metadata.name for item in self._api.list_namespace().items]
            return self._namespace not in names, f"namespaces {names}"

        wait_until(f"the end of namespace {self._namespace}", gone)


def bounded(api: Any) -> Any:
    """Return an API object of the client whose every request has a limit."""
    return _Api(api)


class _Api:
    """An API object with a limit for every request."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._api, name)
        return lambda *args, **kwargs: call(*args, **{"_request_timeout": REQUEST_SECONDS, **kwargs})


def core_api(path: str) -> Any:
    """Return the core API of a kubeconfig, with a limit for every request; the test fails without a kubeconfig."""
    if not path or not os.path.exists(path):
        pytest.fail(f"no kubeconfig: KUBECONFIG is {path!r}; run converge first")
    return _Api(client.CoreV1Api(config.new_client_from_config(path)))


@pytest.fixture
def kubernetes() -> Any:
    """The core API of the cluster."""
    return core_api(os.environ.get("KUBECONFIG", ""))


@pytest.fixture
def workload(kubernetes: Any) -> Iterator[Workload]:
    """Pods that are gone after the test."""
    pods = Workload(kubernetes, f"verify-{uuid.uuid4().hex[:8]}")
    try:
        pods.prepare()
        yield pods
    finally:
        pods.remove()
