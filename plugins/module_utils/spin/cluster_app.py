# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application on its cluster: what is there, and making it what is wanted. Nothing here judges.

Objects are applied by the server under one name for all fields that this collection is in charge of. What somebody else
has made is left alone and refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesError
from ansible_collections.homelab.talos.plugins.module_utils.spin import app_objects
from ansible_collections.homelab.talos.plugins.module_utils.spin.app import SpinApp
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import AppRefused
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    API_VERSION,
    APP_LABEL,
    MANAGER,
    OWNER_ANNOTATION,
    PREVIOUS_ANNOTATION,
    SUBMITTED_ANNOTATION,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.object_difference import stable
from ansible_collections.homelab.talos.plugins.module_utils.spin.rollout import AppReading, revision_of, template_hash

Object = dict[str, Any]
Form = Literal["deployment", "spinapp"]

_LOG_LINES = "20"


class ClusterApp:
    """The application of a name in a namespace.

    :param client: of the cluster.
    :param dry_run: judge and change nothing.
    """

    def __init__(self, client: KubernetesClient, namespace: str, name: str, dry_run: bool = False) -> None:
        self._client = client
        self._dry_run = dry_run
        self.namespace = namespace
        self.name = name
        self.where = f"Spin application {name} in {namespace}"

    @property
    def address(self) -> str:
        """Where the application answers within the cluster, by the search list of its pods."""
        return f"http://{self.name}.{self.namespace}.svc"

    def submission(self, form: Form) -> str:
        """Return what names the present change of the application, empty when there is none."""
        found = self.find(_main_kind(form))
        if found is None:
            return ""
        metadata = found["metadata"]
        return f"{self.namespace}/{self.name}@{metadata['uid'][:8]}.{metadata['generation']}"

    def image(self, form: Form) -> str:
        """Return the image of the application, empty when there is none."""
        found = self.find(_main_kind(form))
        if found is None:
            return ""
        spec = found["spec"]
        return str(spec["image"] if form == "spinapp" else spec["template"]["spec"]["containers"][0]["image"])

    def path(self, kind: str, name: str = "") -> str:
        """Return the path of an object of a kind, or of all of that kind in the namespace."""
        api = {
            "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
            "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
            "SpinApp": f"/apis/{API_VERSION}/namespaces/{{}}/spinapps",
            "Service": "/api/v1/namespaces/{}/services",
            "Secret": "/api/v1/namespaces/{}/secrets",
            "Pod": "/api/v1/namespaces/{}/pods",
            "Event": "/api/v1/namespaces/{}/events",
        }[kind].format(self.namespace)
        return f"{api}/{name}" if name else api

    def find(self, kind: str, name: str = "") -> Object | None:
        """Return an object, by default of the application's name; None when there is none."""
        return self._client.find(self.path(kind, name or self.name))

    def labelled(self, kind: str) -> list[Object]:
        """Return the objects of a kind that carry the application's label."""
        answer = self._client.get(self.path(kind), {"labelSelector": f"{APP_LABEL}={self.name}"})
        return list(answer.get("items") or [])

    def form(self, wanted: str) -> Form:
        """Return in which form the application is, or will be: ``auto`` takes the operator's where it is known."""
        has_operator = self._client.find(f"/apis/{API_VERSION}") is not None
        if wanted == "spinapp" and not has_operator:
            remedy = "install the operator with the role homelab.talos.spin_runtime, or ask for deployment"
            raise AppRefused(self.where, f"the cluster does not know {API_VERSION} SpinApp", remedy)
        if wanted != "auto":
            return "spinapp" if wanted == "spinapp" else "deployment"
        if not has_operator:
            return "deployment"
        found = self.find("Deployment")
        kept = found is not None and OWNER_ANNOTATION in (found["metadata"].get("annotations") or {})
        return "deployment" if kept and self.find("SpinApp") is None else "spinapp"

    def read(self, has_operator: bool = True) -> AppReading:
        """Read what the state is judged by.

        :param has_operator: whether to look for the custom resource.
        """
        found = self.find("Deployment")
        pods = self.labelled("Pod")
        return AppReading(
            deployment=found,
            spin_app=self.find("SpinApp") if has_operator else None,
            replica_sets=self._owned_by(found, self.labelled("ReplicaSet")) if found else [],
            pods=pods,
            events=self._client.get(self.path("Event")).get("items") or [],
            logs={pod["metadata"]["name"]: self._log(pod) for pod in pods if _has_crashed(pod)},
        )

    def refuse_strangers(self) -> None:
        """Refuse objects of the application's name that somebody else has made.

        :raises AppRefused: there is one.
        """
        for kind in ("SpinApp", "Deployment", "Service"):
            found = self.find(kind)
            if found is None or _is_ours(found, self.name):
                continue
            makers = sorted({str(each.get("manager")) for each in found["metadata"].get("managedFields") or ()})
            cause = f"there is a {kind} of that name, made by {', '.join(makers) or 'somebody else'}"
            raise AppRefused(self.where, cause, "choose another name, or remove that object first")

    def check_references(self, app: SpinApp) -> None:
        """Refuse an application that names Secrets or claims which are not there.

        :raises AppRefused: one is missing, or a key in it.
        """
        if self._client.find(f"/api/v1/namespaces/{self.namespace}") is None:
            raise AppRefused(self.where, f"the namespace {self.namespace!r} does not exist", "make it first")
        wanted: list[tuple[str, str]] = [(name, "") for name in (*app.image_pull_secrets, app.ca_secret) if name]
        wanted += list(app.secret_references.values())
        wanted += [(app.runtime_config_secret, "runtime-config.toml")] if app.runtime_config_secret else []
        for name, key in wanted:
            found = self.find("Secret", name)
            if found is None:
                raise AppRefused(
                    self.where, f"the Secret {name!r} does not exist", "make it first, or correct the name"
                )
            if key and key not in (found.get("data") or {}):
                raise AppRefused(self.where, f"the Secret {name!r} has no key {key!r}", "add it, or correct the name")
        for volume in app.volumes:
            path = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{volume.claim}"
            if self._client.find(path) is None:
                cause = f"the claim {volume.claim!r} does not exist"
                raise AppRefused(self.where, cause, "make the PersistentVolumeClaim first, or correct the name")

    def submit(self, app: SpinApp, form: Form, now: str) -> list[tuple[Object | None, Object]]:
        """Make the objects what is wanted; return those that change, each before and after.

        :param now: time that is noted with a change.
        """
        changes = []
        for wanted in self._wanted(app, form):
            before = self.find(wanted["kind"], wanted["metadata"]["name"])
            change = self._apply(wanted, before, now)
            if change is not None:
                changes.append(change)
        if changes and not self._dry_run:
            self._prune(app, form)
        return changes

    def scale(self, replicas: int, form: Form, now: str) -> list[tuple[Object | None, Object]]:
        """Set the number of pods and change nothing else; return the change as :meth:`submit` does."""
        kind = _main_kind(form)
        before = self._ours(kind)
        if before["spec"].get("replicas", 1) == replicas:
            return []
        change = {"metadata": {"annotations": {SUBMITTED_ANNOTATION: now}}, "spec": {"replicas": replicas}}
        return [(before, self._client.merge(self.path(kind, self.name), change, MANAGER, self._dry_run))]

    def roll_back(self, form: Form, now: str) -> list[tuple[Object | None, Object]]:
        """Return to the revision before the present one.

        :raises AppRefused: there is none.
        """
        return self._roll_back_resource(now) if form == "spinapp" else self._roll_back_deployment(now)

    def remove(self) -> list[str]:
        """Delete every object of the application; return kind and name of each, those of pods excepted."""
        gone = []
        for kind in ("SpinApp", "Deployment", "Service"):
            found = self.find(kind)
            if found is not None and _is_ours(found, self.name):
                self._client.delete(self.path(kind, self.name), self._dry_run)
                gone.append(f"{kind} {self.name}")
        for secret in self.labelled("Secret"):
            if _is_ours(secret, self.name):
                self._client.delete(self.path("Secret", secret["metadata"]["name"]), self._dry_run)
                gone.append(f"Secret {secret['metadata']['name']}")
        return gone

    def left(self) -> list[str]:
        """Return kind and name of what carries the application's label."""
        kinds = ("Deployment", "ReplicaSet", "Pod", "Service", "Secret")
        return [f"{kind} {each['metadata']['name']}" for kind in kinds for each in self.labelled(kind)]

    def _wanted(self, app: SpinApp, form: Form) -> Iterator[Object]:
        """Yield the objects in the order in which they need each other."""
        secret = app_objects.variables_secret(app)
        if secret is not None:
            yield secret
        if form == "spinapp":
            yield app_objects.spin_app(app)
            return
        config = app_objects.runtime_config_object(app)
        if config is not None:
            yield config
        yield app_objects.service(app)
        yield app_objects.deployment(app)

    def _apply(self, wanted: Object, before: Object | None, now: str) -> tuple[Object | None, Object] | None:
        """Apply an object when that changes it; the time of the change is noted only then."""
        kept = _annotations(before)
        noted = {key: kept[key] for key in (SUBMITTED_ANNOTATION, PREVIOUS_ANNOTATION) if key in kept}
        path = self.path(wanted["kind"], wanted["metadata"]["name"])
        tried = self._client.apply(path, _annotated(wanted, noted), MANAGER, dry_run=True)
        if before is not None and stable(before) == stable(tried):
            return None
        noted[SUBMITTED_ANNOTATION] = now
        if wanted["kind"] == "SpinApp" and before is not None and before["spec"] != tried["spec"]:
            noted[PREVIOUS_ANNOTATION] = json.dumps(before["spec"], sort_keys=True)
        if self._dry_run:
            return before, tried
        return before, self._client.apply(path, _annotated(wanted, noted), MANAGER)

    def _roll_back_deployment(self, now: str) -> list[tuple[Object | None, Object]]:
        before = self._ours("Deployment")
        present = revision_of(before)
        sets = self._owned_by(before, self.labelled("ReplicaSet"))
        older = [each for each in sets if 0 < revision_of(each) < present]
        if not older:
            raise AppRefused(self.where, f"has no revision before {present}", "there is nothing to roll back to")
        template = _template_of(max(older, key=revision_of))
        spec = before["spec"]
        wanted = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {APP_LABEL: self.name},
                "annotations": stable(before)["metadata"]["annotations"],
            },
            "spec": {
                "replicas": spec["replicas"],
                "selector": spec["selector"],
                "strategy": {"type": spec["strategy"]["type"]},
                "template": template,
            },
        }
        change = self._apply(wanted, before, now)
        return [change] if change else []

    def _roll_back_resource(self, now: str) -> list[tuple[Object | None, Object]]:
        before = self._ours("SpinApp")
        previous = _annotations(before).get(PREVIOUS_ANNOTATION)
        if not previous:
            raise AppRefused(self.where, "has no specification before this one", "there is nothing to roll back to")
        wanted = {
            "apiVersion": API_VERSION,
            "kind": "SpinApp",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {APP_LABEL: self.name},
                "annotations": {OWNER_ANNOTATION: self.name},
            },
            "spec": {**json.loads(previous), "replicas": before["spec"].get("replicas")},
        }
        change = self._apply(wanted, before, now)
        return [change] if change else []

    def _ours(self, kind: str) -> Object:
        found = self.find(kind)
        if found is None:
            raise AppRefused(self.where, "does not exist", "deploy it first")
        return found

    def _prune(self, app: SpinApp, form: Form) -> None:
        """Delete our Secrets that no revision needs any more; a revision that is kept can be returned to."""
        wanted = {each["metadata"]["name"] for each in self._wanted(app, form) if each["kind"] == "Secret"}
        used = json.dumps([each["spec"] for each in self.labelled("ReplicaSet")])
        resource = self.find("SpinApp") if form == "spinapp" else None
        used += _annotations(resource).get(PREVIOUS_ANNOTATION, "")
        for secret in self.labelled("Secret"):
            name = secret["metadata"]["name"]
            if _is_ours(secret, self.name) and name not in wanted and f'"{name}"' not in used:
                self._client.delete(self.path("Secret", name))

    def _owned_by(self, deployment: Object, sets: Sequence[Object]) -> list[Object]:
        uid = deployment["metadata"].get("uid")
        return [
            each for each in sets if any(o.get("uid") == uid for o in each["metadata"].get("ownerReferences") or ())
        ]

    def _log(self, pod: Object) -> str:
        """Return what the container wrote before it ended, nothing when that is not kept."""
        path = f"{self.path('Pod', pod['metadata']['name'])}/log"
        for query in ({"previous": "true", "tailLines": _LOG_LINES}, {"tailLines": _LOG_LINES}):
            with contextlib.suppress(KubernetesError):
                text = self._client.get_text(path, query)
                if text.strip():
                    return text
        return ""


def _main_kind(form: Form) -> str:
    return "SpinApp" if form == "spinapp" else "Deployment"


def _has_crashed(pod: Object) -> bool:
    containers = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(
        "terminated" in (each.get("state") or {}) or "terminated" in (each.get("lastState") or {})
        for each in containers
    )


def _is_ours(item: Object, name: str) -> bool:
    """Tell whether this collection made an object, or the operator for a resource of ours."""
    owners = item["metadata"].get("ownerReferences") or ()
    return _annotations(item).get(OWNER_ANNOTATION) == name or any(
        owner.get("kind") == "SpinApp" and owner.get("name") == name for owner in owners
    )


def _annotations(item: Mapping[str, Any] | None) -> dict[str, str]:
    return dict((item or {"metadata": {}})["metadata"].get("annotations") or {})


def _annotated(item: Object, further: Mapping[str, str]) -> Object:
    metadata = {**item["metadata"], "annotations": {**_annotations(item), **further}}
    return {**item, "metadata": metadata}


def _template_of(replica_set: Object) -> Object:
    """Return the template of a revision without the label that its ReplicaSet added."""
    template = json.loads(json.dumps(replica_set["spec"]["template"]))
    labels = template["metadata"].get("labels") or {}
    template["metadata"] = {
        "labels": {key: value for key, value in labels.items() if value != template_hash(replica_set)},
        **({"annotations": template["metadata"]["annotations"]} if template["metadata"].get("annotations") else {}),
    }
    return dict(template)
