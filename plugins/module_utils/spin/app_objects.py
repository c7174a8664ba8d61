# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of an application: the custom resource of the operator, or what the operator would make of it.

The Deployment and the Service are those of spin-operator, name by name, so that an application can be handed over to
it. Placement is the RuntimeClass's affair: nothing else selects nodes.

Source: spinframework/spin-operator:internal/controller/spinapp_controller.go, deployment.go, service.go
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.app import Probe, SpinApp
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import (
    API_VERSION,
    APP_LABEL,
    HTTP_PORT,
    HTTP_PORT_NAME,
    OWNER_ANNOTATION,
    RUNTIME_CONFIG_KEY,
    VARIABLE_PREFIX,
    status_label,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.quantity import quantity
from ansible_collections.homelab.talos.plugins.module_utils.spin.runtime_config import content_name, runtime_config

Object = dict[str, Any]

_CA_KEY = "ca-certificates.crt"
_CA_PATH = f"/etc/ssl/certs/{_CA_KEY}"


def variables_secret(app: SpinApp) -> Object | None:
    """Return the Secret with the values of secret variables, None when there are none."""
    if not app.secrets:
        return None
    content = json.dumps(dict(sorted(app.secrets.items())))
    return _secret(app, content_name(app.name, content, "variables"), app.secrets)


def runtime_config_object(app: SpinApp) -> Object | None:
    """Return the Secret with the runtime configuration, None when the application brings its own."""
    if app.runtime_config_secret:
        return None
    content = runtime_config(app.key_value_stores, app.sqlite_databases)
    return _secret(app, content_name(app.name, content), {RUNTIME_CONFIG_KEY: content})


def deployment(app: SpinApp) -> Object:
    """Return the Deployment."""
    labels = {APP_LABEL: app.name}
    ready = {**labels, status_label(app.name): "ready"}
    strategy: Object = {"type": app.strategy}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(app, app.name, labels, app.deployment_annotations),
        "spec": {
            "replicas": app.replicas,
            "selector": {"matchLabels": ready},
            "strategy": strategy,
            "template": {
                "metadata": {
                    "labels": {**app.pod_labels, **ready},
                    **_filled("annotations", dict(app.pod_annotations)),
                },
                "spec": _pod(app),
            },
        },
    }


def service(app: SpinApp) -> Object:
    """Return the Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(app, app.name, {APP_LABEL: app.name}, app.service_annotations),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"protocol": "TCP", "port": HTTP_PORT, "targetPort": HTTP_PORT_NAME}],
            "selector": {status_label(app.name): "ready"},
        },
    }


def spin_app(app: SpinApp) -> Object:
    """Return the custom resource."""
    checks = {
        kind: _check(probe) for kind, probe in (("readiness", app.readiness), ("liveness", app.liveness)) if probe
    }
    stores = {
        "keyValueStores": [_store(each) for each in app.key_value_stores],
        "sqliteDatabases": [_store(each) for each in app.sqlite_databases],
        "loadFromSecret": app.runtime_config_secret,
    }
    spec = {
        "image": app.image,
        "executor": app.executor,
        "replicas": app.replicas,
        **_filled("variables", [_without_prefix(each) for each in _variables(app)]),
        **_filled("resources", {kind: dict(values) for kind, values in app.resources.items()}),
        **({"invocationLimits": {"memory": app.memory_limit}} if app.memory_limit else {}),
        **_filled("runtimeConfig", {key: value for key, value in stores.items() if value}),
        **_filled("volumes", _claims(app)),
        **_filled("volumeMounts", _claim_mounts(app)),
        **_filled("components", list(app.components)),
        **_filled("imagePullSecrets", [{"name": name} for name in app.image_pull_secrets]),
        **_filled("serviceAccountName", app.service_account),
        **_filled("serviceAnnotations", dict(app.service_annotations)),
        **_filled("deploymentAnnotations", dict(app.deployment_annotations)),
        **_filled("podAnnotations", dict(app.pod_annotations)),
        **_filled("podLabels", dict(app.pod_labels)),
        **_filled("checks", checks),
    }
    metadata = _metadata(app, app.name, {APP_LABEL: app.name}, {})
    return {"apiVersion": API_VERSION, "kind": "SpinApp", "metadata": metadata, "spec": spec}


def _metadata(app: SpinApp, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Object:
    return {
        "name": name,
        "namespace": app.namespace,
        "labels": dict(labels),
        "annotations": {**annotations, OWNER_ANNOTATION: app.name},
    }


def _secret(app: SpinApp, name: str, content: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(app, name, {APP_LABEL: app.name}, {}),
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in sorted(content.items())},
    }


def _pod(app: SpinApp) -> Object:
    return {
        "runtimeClassName": app.runtime_class,
        "serviceAccountName": app.service_account or "default",
        "containers": [_container(app)],
        **_filled("imagePullSecrets", [{"name": name} for name in app.image_pull_secrets]),
        **_filled("volumes", _volumes(app)),
    }


def _container(app: SpinApp) -> Object:
    pause = {"preStop": {"sleep": {"seconds": app.pre_stop}}}
    return {
        "name": app.name,
        "image": app.image,
        # The runtime ignores it, and an empty one is refused before.
        "command": ["/"],
        "ports": [{"name": HTTP_PORT_NAME, "containerPort": HTTP_PORT, "protocol": "TCP"}],
        "env": _environment(app),
        **_filled("resources", {kind: dict(values) for kind, values in app.resources.items()}),
        **_filled("volumeMounts", _mounts(app)),
        **({"readinessProbe": _probe(app.readiness)} if app.readiness else {}),
        **({"livenessProbe": _probe(app.liveness)} if app.liveness else {}),
        **({"lifecycle": pause} if app.pre_stop else {}),
    }


def _environment(app: SpinApp) -> list[Object]:
    env = [*_variables(app), {"name": "SPIN_HTTP_LISTEN_ADDR", "value": f"0.0.0.0:{HTTP_PORT}"}]
    if app.memory_limit:
        env.append({"name": "SPIN_MAX_INSTANCE_MEMORY", "value": str(quantity(app.memory_limit))})
    if app.components:
        env.append({"name": "SPIN_COMPONENTS_TO_RETAIN", "value": ",".join(app.components)})
    return env


def _variables(app: SpinApp) -> list[Object]:
    """Return the variables as the container has them, sorted, so that their order makes no new pods."""
    entries: dict[str, Object] = {name: {"value": value} for name, value in app.variables.items()}
    kept = variables_secret(app)
    if kept is not None:
        entries |= {name: _from_secret(kept["metadata"]["name"], name) for name in app.secrets}
    entries |= {name: _from_secret(*reference) for name, reference in app.secret_references.items()}
    return [{"name": f"{VARIABLE_PREFIX}{name.upper()}", **entries[name]} for name in sorted(entries)]


def _without_prefix(variable: Object) -> Object:
    return {**variable, "name": str(variable["name"]).removeprefix(VARIABLE_PREFIX).lower()}


def _from_secret(name: str, key: str) -> Object:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def _volumes(app: SpinApp) -> list[Object]:
    made = runtime_config_object(app)
    name = made["metadata"]["name"] if made else app.runtime_config_secret
    volumes = [_secret_volume("spin-runtime-config", name, RUNTIME_CONFIG_KEY), *_claims(app)]
    if app.ca_secret:
        volumes.append(_secret_volume("spin-ca", app.ca_secret, _CA_KEY))
    return volumes


def _secret_volume(volume: str, secret: str, key: str) -> Object:
    return {"name": volume, "secret": {"secretName": secret, "optional": True, "items": [{"key": key, "path": key}]}}


def _mounts(app: SpinApp) -> list[Object]:
    mounts = [_file_mount("spin-runtime-config", f"/{RUNTIME_CONFIG_KEY}", RUNTIME_CONFIG_KEY), *_claim_mounts(app)]
    if app.ca_secret:
        mounts.append(_file_mount("spin-ca", _CA_PATH, _CA_KEY))
    return mounts


def _file_mount(volume: str, path: str, key: str) -> Object:
    return {"name": volume, "readOnly": True, "mountPath": path, "subPath": key}


def _claims(app: SpinApp) -> list[Object]:
    return [{"name": each.name, "persistentVolumeClaim": {"claimName": each.claim}} for each in app.volumes]


def _claim_mounts(app: SpinApp) -> list[Object]:
    return [
        {"name": each.name, "mountPath": each.path, **({"readOnly": True} if each.read_only else {})}
        for each in app.volumes
    ]


def _probe(probe: Probe) -> Object:
    return {
        "httpGet": {"path": probe.path, "port": HTTP_PORT},
        "initialDelaySeconds": probe.initial_delay,
        "timeoutSeconds": probe.timeout,
        "periodSeconds": probe.period,
        "failureThreshold": probe.failure_threshold,
    }


def _check(probe: Probe) -> Object:
    made = _probe(probe)
    return {**made, "httpGet": {"path": probe.path}}


def _store(store: Any) -> Object:
    options = [{"name": key, "value": value} for key, value in sorted(store.options.items())]
    return {"name": store.name, "type": store.type, **_filled("options", options)}


def _filled(key: str, value: Any) -> Object:
    return {key: value} if value else {}
