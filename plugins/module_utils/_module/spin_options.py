# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules that handle a Spin application on a cluster, and what becomes of them.

Private to this collection: it may change at any time. Keep in step with the fragment ``spin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.arguments import ArgumentSpec
from ansible_collections.homelab.talos.plugins.module_utils.spin.app import Probe, SpinApp, Volume
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import EXECUTOR, RUNTIME_CLASS
from ansible_collections.homelab.talos.plugins.module_utils.spin.runtime_config import Store

APP = ArgumentSpec(
    {
        "kubeconfig": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "default"},
        "request_timeout": {"type": "float", "default": 10.0},
    }
)
STORES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "type": {"type": "str", "default": "spin"},
        "options": {"type": "dict", "default": {}},
    },
}
VOLUMES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "name": {"type": "str", "required": True},
        "claim": {"type": "str", "required": True},
        "path": {"type": "str", "required": True},
        "read_only": {"type": "bool", "default": False},
    },
}
PROBE: dict[str, Any] = {
    "type": "dict",
    "options": {
        "path": {"type": "str", "required": True},
        "initial_delay": {"type": "int", "default": 10},
        "timeout": {"type": "int", "default": 1},
        "period": {"type": "int", "default": 10},
        "failure_threshold": {"type": "int", "default": 3},
    },
}
REFERENCES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "no_log": False,
    "options": {
        "variable": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "key": {"type": "str", "required": True, "no_log": False},
    },
}
NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
TEXTS: dict[str, Any] = {"type": "dict", "default": {}}

DESCRIPTION = ArgumentSpec(
    {
        "image": {"type": "str"},
        "replicas": {"type": "int"},
        "variables": TEXTS,
        "secrets": {"type": "dict", "default": {}, "no_log": True},
        "secret_references": REFERENCES,
        "resources": {
            "type": "dict",
            "default": {},
            "options": {"limits": TEXTS, "requests": TEXTS},
        },
        "memory_limit": {"type": "str", "default": ""},
        "key_value_stores": {**STORES, "no_log": False},
        "sqlite_databases": STORES,
        "runtime_config_secret": {"type": "str", "default": "", "no_log": False},
        "volumes": VOLUMES,
        "components": NAMES,
        "image_pull_secrets": {**NAMES, "no_log": False},
        "ca_secret": {"type": "str", "default": "", "no_log": False},
        "service_account": {"type": "str", "default": ""},
        "service_annotations": TEXTS,
        "deployment_annotations": TEXTS,
        "pod_annotations": TEXTS,
        "pod_labels": TEXTS,
        "readiness": PROBE,
        "liveness": PROBE,
        "runtime_class": {"type": "str", "default": RUNTIME_CLASS},
        "executor": {"type": "str", "default": EXECUTOR},
        "pre_stop_seconds": {"type": "int", "default": 5},
        "update_strategy": {"type": "str", "choices": ["RollingUpdate", "Recreate"], "default": "RollingUpdate"},
    }
)


def app_of(params: Mapping[str, Any]) -> SpinApp:
    """Return what the options ask for, not checked yet."""
    resources = {kind: _texts(values) for kind, values in (params["resources"] or {}).items() if values}
    return SpinApp(
        name=params["name"],
        namespace=params["namespace"],
        image=params["image"],
        replicas=1 if params["replicas"] is None else params["replicas"],
        variables=_texts(params["variables"]),
        secrets=_texts(params["secrets"]),
        secret_references={each["variable"]: (each["name"], each["key"]) for each in params["secret_references"]},
        resources=resources,
        memory_limit=params["memory_limit"],
        key_value_stores=_stores(params["key_value_stores"]),
        sqlite_databases=_stores(params["sqlite_databases"]),
        runtime_config_secret=params["runtime_config_secret"],
        volumes=tuple(Volume(**each) for each in params["volumes"]),
        components=tuple(params["components"]),
        image_pull_secrets=tuple(params["image_pull_secrets"]),
        ca_secret=params["ca_secret"],
        service_account=params["service_account"],
        service_annotations=_texts(params["service_annotations"]),
        deployment_annotations=_texts(params["deployment_annotations"]),
        pod_annotations=_texts(params["pod_annotations"]),
        pod_labels=_texts(params["pod_labels"]),
        readiness=Probe(**params["readiness"]) if params["readiness"] else None,
        liveness=Probe(**params["liveness"]) if params["liveness"] else None,
        runtime_class=params["runtime_class"],
        executor=params["executor"],
        pre_stop=params["pre_stop_seconds"],
        strategy=params["update_strategy"],
    )


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Return a mapping of texts; YAML reads some of them as truth values, which programs expect in lower case."""
    return {
        str(key): str(value).lower() if isinstance(value, bool) else str(value) for key, value in (values or {}).items()
    }


def _stores(values: list[dict[str, Any]]) -> tuple[Store, ...]:
    return tuple(Store(each["name"], each["type"], _texts(each["options"])) for each in values)
