# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two pods on one node: the mover leaves a node that is lost, the stayer waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible_collections.homelab.talos.tests.testinfra.fault_event import PodPlace
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import IMAGE, wait_until

DIRECTORY = "/var/lib/node-faults"
MOVER_SECONDS, STAYER_SECONDS = 3, 300
HOSTNAME_LABEL = "kubernetes.io/hostname"
RUNNING_SECONDS = 90.0
# No image of the lab has a shell: the pod borrows the programs of the machine below it.
BORROWED = ("/usr", "/lib", "/lib64")
# Each start of the pod adds a line to a file on the node, before it is ready.
WRITE = "echo started >> /kept/$0 && exec /usr/bin/sleep 1000000"


class PodPair:
    """Both pods, in a namespace of their own, and a file of the stayer on the node.

    :param core, apps: APIs of Kubernetes.
    :param name: of the namespace.
    :param node: where both pods begin.
    """

    def __init__(self, core: Any, apps: Any, name: str, node: str) -> None:
        self._core = core
        self._apps = apps
        self._name = name
        self.node = node
        self.file = f"{DIRECTORY}/{name}"

    def start(self) -> None:
        """Create both and wait until they run.

        :raises AssertionError: they do not within the limit, or the mover begins elsewhere.
        """
        # Talos keeps pods from mounting directories of their node, except where a namespace says so.
        labels = {"pod-security.kubernetes.io/enforce": "privileged"}
        self._core.create_namespace({"metadata": {"name": self._name, "labels": labels}})

        def account() -> tuple[bool, str]:
            found = self._core.list_namespaced_service_account(self._name).items
            return bool(found), f"service accounts {[item.metadata.name for item in found]}"

        wait_until(f"a service account in namespace {self._name}", account)
        term = {"key": HOSTNAME_LABEL, "operator": "In", "values": [self.node]}
        preference = [{"weight": 100, "preference": {"matchExpressions": [term]}}]
        affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preference}}
        self._create("mover", MOVER_SECONDS, {"affinity": affinity})
        self._create("stayer", STAYER_SECONDS, {"nodeSelector": {HOSTNAME_LABEL: self.node}})
        wait_until("both pods to run", lambda: (not self.waiting(), self.waiting()), RUNNING_SECONDS)
        assert self.mover().node == self.node, f"the mover began on {self.mover().node}"

    def _create(self, name: str, seconds: int, more: dict[str, Any]) -> None:
        keys = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        volumes = [{"name": f"borrowed{n}", "hostPath": {"path": path}} for n, path in enumerate(BORROWED)]
        mounts = [{"name": f"borrowed{n}", "mountPath": path, "readOnly": True} for n, path in enumerate(BORROWED)]
        container = {
            "name": "main",
            "image": IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/usr/bin/sh", "-c", WRITE, self._name if name == "stayer" else f"{self._name}-mover"],
            "volumeMounts": [*mounts, {"name": "kept", "mountPath": "/kept"}],
        }
        kept = {"name": "kept", "hostPath": {"path": DIRECTORY, "type": "DirectoryOrCreate"}}
        tolerations = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds} for key in keys
        ]
        spec = {
            "containers": [container],
            "volumes": [*volumes, kept],
            "tolerations": tolerations,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            **more,
        }
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": spec}
        body = {
            "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        }
        self._apps.create_namespaced_deployment(self._name, body)

    def mover(self) -> PodPlace:
        """Return the mover as it is wanted now; without a node while none is running or starting."""
        return self._place("mover")

    def stayer(self) -> PodPlace:
        """Return the stayer."""
        return self._place("stayer")

    def stayer_started(self) -> datetime:
        """Return when the stayer's container was started last; long ago when it does not run."""
        states = [each.state.running for pod in self._alive("stayer") for each in pod.status.container_statuses or ()]
        return max((running.started_at for running in states if running), default=datetime.min.replace(tzinfo=UTC))

    def _place(self, name: str) -> PodPlace:
        pods = self._alive(name)
        if not pods:
            return PodPlace("", self.node)
        running = [pod for pod in pods if _is_ready(pod)] or pods
        return PodPlace(running[0].metadata.uid, running[0].spec.node_name or self.node)

    def _alive(self, name: str) -> list[Any]:
        found = self._core.list_namespaced_pod(self._name, label_selector=f"app={name}").items
        return [pod for pod in found if pod.metadata.deletion_timestamp is None]

    def waiting(self) -> str:
        """Return which of the pods does not run and why, empty when both do."""
        return "; ".join(filter(None, map(self.waiting_for, ("mover", "stayer"))))

    def waiting_for(self, name: str) -> str:
        """Return what one of the pods (``mover``, ``stayer``) is, empty when it runs."""
        pods = self._alive(name)
        if any(_is_ready(pod) for pod in pods):
            return ""
        phases = [f"{pod.status.phase} on {pod.spec.node_name}" for pod in pods]
        return f"the {name} is {' and '.join(phases) or 'not there'}"

    def remove(self) -> None:
        """Delete both with their namespace; their nodes need not answer."""
        self._core.delete_namespace(self._name)


def _is_ready(pod: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ())
