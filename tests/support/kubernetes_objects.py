# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a Kubernetes API on loopback: keeps objects, applies like a server, and plays the controllers.

Applying follows the rule of field ownership as far as one manager goes: what it no longer names is taken away, what
others wrote stays. Pods are made as a test says they go. The real programs are in the lab; this is for what they rarely
show and for speed.

Source: kubernetes/website:content/en/docs/reference/using-api/server-side-apply.md
"""

from __future__ import annotations

import copy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
IMAGE = "registry.lab:5000/nonce:1.0"
NOW = "2026-03-02T12:00:00Z"
LATER = "2026-03-02T12:00:05Z"
SPIN_API = "/apis/core.spinkube.dev/v1alpha1"
KINDS: dict[str, list[Object]] = {
    SPIN_API: [{"name": "spinapps", "kind": "SpinApp", "namespaced": True}],
    "/api/v1": [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
    ],
}


@dataclass
class FakeCluster:
    """The cluster.

    :ivar objects: path -> object.
    :ivar has_operator: whether the kinds of SpinKube are known.
    :ivar pod_status: makes the status of a new pod; None makes no pods.
    :ivar refusals: beginning of a path -> (status, message) for changes.
    :ivar kinds: path of a group -> its kinds.
    :ivar changes: method and path of each request that changed something.
    """

    url: str = ""
    has_operator: bool = False
    pod_status: Callable[[Object], Object] | None = None
    objects: dict[str, Object] = field(default_factory=dict)
    applied: dict[str, Object] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    kinds: dict[str, list[Object]] = field(default_factory=lambda: copy.deepcopy(KINDS))
    counter: int = 0

    def __post_init__(self) -> None:
        self.put("/api/v1/namespaces/default", {"metadata": {"name": "default"}})
        self.pod_status = self.pod_status or ready

    def put(self, path: str, item: Object) -> Object:
        """Keep an object as somebody else made it."""
        self.counter += 1
        made = copy.deepcopy(item)
        given = {"uid": f"{self.counter:08d}-uid", "generation": 1, "creationTimestamp": NOW}
        made["metadata"] = {**given, "resourceVersion": str(self.counter), **made["metadata"]}
        self.objects[path] = made
        return made

    def kubeconfig(self) -> str:
        """Return a kubeconfig for it."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": self.url}}],
                "users": [{"name": "x", "user": {"token": "t"}}],
            }
        )

    def of(self, kind: str, name: str, namespace: str = "default") -> Object:
        """Return an object."""
        (found,) = [
            each for path, each in self.objects.items() if path.endswith(f"/namespaces/{namespace}/{kind}/{name}")
        ]
        return found

    def event(self, about: Object, reason: str, message: str) -> None:
        """Tell an event about an object."""
        event = {"metadata": {"name": f"event-{self.counter}"}, "reason": reason, "message": message}
        event |= {"involvedObject": {"uid": about["metadata"]["uid"]}, "lastTimestamp": NOW}
        self.put(f"/api/v1/namespaces/default/events/event-{self.counter}", event)

    def pods(self) -> list[Object]:
        """Return all pods."""
        return [each for path, each in self.objects.items() if "/pods/" in path]

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any, kind: str) -> tuple[int, Any]:
        """Return status and answer of a request."""
        if path.endswith("/log"):
            text = self.logs.get(path.split("/")[-2], "")
            return (200, text) if text else (400, status("no log"))
        if SPIN_API in path and not self.has_operator:
            return 404, status("the server could not find the requested resource")
        if path in self.kinds:
            return 200, {"resources": self.kinds[path]}
        if method == "GET":
            return self._get(path, query)
        dry = bool(query.get("dryRun"))
        for start, refusal in self.refusals.items():
            if path.startswith(start):
                return refusal[0], status(refusal[1])
        if not dry:
            self.changes.append(f"{method} {path}")
        if method == "DELETE":
            return self._delete(path, dry)
        return self._patch(path, body, kind, dry)

    def _get(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        if path in self.objects:
            return 200, self.objects[path]
        if not path.rpartition("/")[2].endswith("s"):
            return 404, status(f"{path} not found")
        key, _equals, value = query.get("labelSelector", [""])[0].partition("=")
        items = [each for at, each in self.objects.items() if at.rpartition("/")[0] == path]
        return 200, {"items": [each for each in items if not key or labels(each).get(key) == value]}

    def _delete(self, path: str, dry: bool) -> tuple[int, Any]:
        if path not in self.objects:
            return 404, status(f"{path} not found")
        if not dry:
            gone = self.objects.pop(path)["metadata"]["uid"]
            self.applied.pop(path, None)
            for at, each in list(self.objects.items()):
                if gone in {owner["uid"] for owner in each["metadata"].get("ownerReferences", ())}:
                    self._delete(at, False)
        return 200, status("Success")

    def _patch(self, path: str, body: Object, kind: str, dry: bool) -> tuple[int, Any]:
        before = self.objects.get(path)
        if before is None and "merge" in kind:
            return 404, status(f"{path} not found")
        kept = copy.deepcopy(before or {"metadata": {}})
        if "apply" in kind:
            kept = without(kept, self.applied.get(path, {}), body)
        made = with_defaults(merged(kept, body))
        if before is None:
            self.counter += 1
            given = {"uid": f"{self.counter:08d}-uid", "generation": 1, "creationTimestamp": NOW}
            made["metadata"] = {**made["metadata"], **given}
        elif made.get("spec") != before.get("spec"):
            made["metadata"]["generation"] = before["metadata"]["generation"] + 1
        self.counter += 1
        made["metadata"]["resourceVersion"] = str(self.counter)
        made["metadata"]["managedFields"] = [{"manager": "homelab.talos"}]
        if not dry:
            self.objects[path] = made
            if "apply" in kind:
                self.applied[path] = copy.deepcopy(body)
            self._control(path, made)
        return 200, made

    def _control(self, path: str, item: Object) -> None:
        """Do what the controllers do."""
        if item["kind"] == "Deployment":
            self._roll(path, item)
        elif item["kind"] == "SpinApp":
            self._operate(item)

    def _operate(self, resource: Object) -> None:
        spec, name = resource["spec"], resource["metadata"]["name"]
        container = {"name": name, "image": spec["image"]}
        labelled = {"core.spinkube.dev/app-name": name}
        owner = [{"uid": resource["metadata"]["uid"], "kind": "SpinApp", "name": name}]
        path = f"/apis/apps/v1/namespaces/{resource['metadata']['namespace']}/deployments/{name}"
        body: Object = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": resource["metadata"]["namespace"], "labels": labelled},
            "spec": {
                "replicas": spec["replicas"],
                "template": {"metadata": {"labels": labelled}, "spec": {"containers": [container]}},
            },
        }
        body["metadata"]["ownerReferences"] = owner
        self._patch(path, body, "apply", False)

    def _roll(self, path: str, deployment: Object) -> None:
        """Make the ReplicaSet and the pods of a Deployment."""
        name = deployment["metadata"]["name"]
        template = deployment["spec"]["template"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]
        base = path.rpartition("/deployments/")[0]
        sets = [each for at, each in self.objects.items() if at.startswith(f"{base}/replicasets/{name}-")]
        newest = max((int(revision(each)) for each in sets), default=0)
        at = f"{base}/replicasets/{name}-{digest}"
        labelled = {**template["metadata"].get("labels", {}), "pod-template-hash": digest}
        if at not in self.objects:
            owner = [{"uid": deployment["metadata"]["uid"]}]
            copied = copy.deepcopy(template)
            copied["metadata"]["labels"] = labelled
            spec = {"template": copied, "replicas": 0}
            self.put(
                at,
                {"metadata": {"name": f"{name}-{digest}", "labels": labelled, "ownerReferences": owner}, "spec": spec},
            )
            newest += 1
        elif int(revision(self.objects[at])) != newest:
            newest += 1
        number = str(max(newest, 1))
        for item in (self.objects[at], deployment):
            item["metadata"].setdefault("annotations", {})["deployment.kubernetes.io/revision"] = number
        self._make_pods(deployment, self.objects[at], labelled)

    def _make_pods(self, deployment: Object, replica_set: Object, labelled: Object) -> None:
        name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        for path, each in list(self.objects.items()):
            if "/pods/" in path and labels(each).get("core.spinkube.dev/app-name") == name:
                del self.objects[path]
        made = []
        for number in range(wanted):
            metadata: Object = {"name": f"{replica_set['metadata']['name']}-{number}", "labels": labelled}
            metadata["ownerReferences"] = [{"uid": replica_set["metadata"]["uid"]}]
            namespace = deployment["metadata"]["namespace"]
            path = f"/api/v1/namespaces/{namespace}/pods/{metadata['name']}"
            pod = self.put(path, {"metadata": metadata, "spec": {"nodeName": "node1"}})
            pod.update(self.pod_status(pod) if self.pod_status else {})
            made.append(pod)
        good = sum(1 for pod in made if is_ready(pod))
        generation = deployment["metadata"]["generation"]
        counts = {"replicas": wanted, "updatedReplicas": wanted, "availableReplicas": good}
        deployment["status"] = {"observedGeneration": generation, **counts}


def ready(pod: Object) -> Object:
    """Return the parts of a pod that runs and is ready."""
    return {
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": LATER}]}
    }


def waiting(reason: str, message: str = "", **container: Any) -> Callable[[Object], Object]:
    """Return what makes pods whose container waits for a reason."""

    def make(pod: Object) -> Object:
        states = [{"image": "r/x", "state": {"waiting": {"reason": reason, "message": message}}, **container}]
        conditions = [{"type": "Ready", "status": "False"}]
        return {"status": {"phase": "Pending", "conditions": conditions, "containerStatuses": states}}

    return make


def is_ready(pod: Object) -> bool:
    """Tell whether a pod is ready."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def labels(item: Object) -> Object:
    """Return the labels of an object."""
    return dict(item["metadata"].get("labels") or {})


def revision(item: Object) -> str:
    """Return the revision of a ReplicaSet."""
    return str(item["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", "0"))


def status(message: str) -> Object:
    """Return the answer to a request that failed."""
    return {"kind": "Status", "message": message}


def merged(old: Any, new: Any) -> Any:
    """Return an object with the fields of another; lists are replaced, null removes."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return copy.deepcopy(new)
    both = {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return {key: value for key, value in both.items() if value is not None}


def without(old: Any, applied: Any, wanted: Any) -> Any:
    """Return an object without the fields that were applied before and are not wanted any more."""
    if not isinstance(old, dict) or not isinstance(applied, dict):
        return old
    named = wanted if isinstance(wanted, dict) else {}
    return {
        key: without(value, applied.get(key), named.get(key))
        for key, value in old.items()
        if key in named or key not in applied
    }


def with_defaults(item: Object) -> Object:
    """Return an object with what a server adds."""
    if item.get("kind") == "Deployment":
        item["spec"].setdefault("strategy", {}).setdefault("type", "RollingUpdate")
        for container in item["spec"]["template"]["spec"]["containers"]:
            container.setdefault("terminationMessagePath", "/dev/termination-log")
    return item


@contextmanager
def serve(cluster: FakeCluster) -> Iterator[FakeCluster]:
    """Let the cluster answer on loopback while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            content = json.loads(body) if body and body != b"null" else None
            code, answer = cluster.answer(
                self.command, parts.path, parse_qs(parts.query), content, self.headers.get("Content-Type", "")
            )
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_DELETE = _answer

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
