# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application on a cluster as it is asked for, checked as far as that needs no cluster.

Source: spinframework/spin-operator:api/v1alpha1/spinapp_types.go, internal/webhook/spinapp_validating.go
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import AppInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.identifiers import VARIABLE_FORM, is_variable
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import EXECUTOR, LONGEST_APP_NAME, RUNTIME_CLASS
from ansible_collections.homelab.talos.plugins.module_utils.spin.quantity import quantity
from ansible_collections.homelab.talos.plugins.module_utils.spin.reference import parse_reference
from ansible_collections.homelab.talos.plugins.module_utils.spin.runtime_config import Store

_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Volume:
    """A claim that is mounted."""

    name: str
    claim: str
    path: str
    read_only: bool = False


@dataclass(frozen=True)
class Probe:
    """A request that tells whether the application is fine; numbers in seconds, and as the operator has them."""

    path: str
    initial_delay: int = 10
    timeout: int = 1
    period: int = 10
    failure_threshold: int = 3


@dataclass(frozen=True)
class SpinApp:
    """What is asked for.

    :ivar secrets: variables whose values are kept in a Secret.
    :ivar secret_references: variables that come from a Secret that exists: variable -> (name, key).
    :ivar resources: ``limits`` and ``requests`` of the container.
    :ivar memory_limit: for one instance of a component, as a quantity.
    :ivar runtime_config_secret: Secret that holds the runtime configuration, instead of stores.
    :ivar pre_stop: seconds for which a pod that ends still answers, because endpoints go away later than that; only
        where the Deployment is made here.
    """

    name: str
    namespace: str
    image: str
    replicas: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_references: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    memory_limit: str = ""
    key_value_stores: tuple[Store, ...] = ()
    sqlite_databases: tuple[Store, ...] = ()
    runtime_config_secret: str = ""
    volumes: tuple[Volume, ...] = ()
    components: tuple[str, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    ca_secret: str = ""
    service_account: str = ""
    service_annotations: Mapping[str, str] = field(default_factory=dict)
    deployment_annotations: Mapping[str, str] = field(default_factory=dict)
    pod_annotations: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    readiness: Probe | None = None
    liveness: Probe | None = None
    runtime_class: str = RUNTIME_CLASS
    executor: str = EXECUTOR
    pre_stop: int = 5
    strategy: str = "RollingUpdate"

    @property
    def where(self) -> str:
        """How the application is called in messages."""
        return f"Spin application {self.name} in {self.namespace}"


def check_name(name: str, namespace: str) -> None:
    """Check the name of an application.

    :raises AppInvalid: objects of that name cannot be.
    """
    where = f"Spin application {name} in {namespace}"
    if not _NAMESPACE.fullmatch(namespace):
        raise AppInvalid(where, f"{namespace!r} is no name of a namespace", "use lower-case letters, digits and -")
    if len(name) > LONGEST_APP_NAME:
        cause = f"its name has {len(name)} characters, and labels are made of it"
        raise AppInvalid(where, cause, f"use at most {LONGEST_APP_NAME}")
    if not _NAME.fullmatch(name):
        cause = f"{name!r} is no name of a service"
        raise AppInvalid(where, cause, "use lower-case letters, digits and -, a letter first, no - at the end")


def check_app(app: SpinApp) -> None:
    """Check everything that needs no cluster.

    :raises AppInvalid: something is asked for that cannot be.
    :raises ReferenceInvalid: the image is no reference.
    """
    check_name(app.name, app.namespace)
    parse_reference(app.image)
    if app.replicas < 0:
        raise AppInvalid(app.where, f"replicas is {app.replicas}", "ask for 0 or more")
    if app.pre_stop < 0:
        raise AppInvalid(app.where, f"pre_stop is {app.pre_stop}", "ask for 0 or more seconds")
    _check_variables(app)
    _check_memory(app)
    _check_stores(app)
    _check_volumes(app)


def _check_variables(app: SpinApp) -> None:
    given = [*app.variables, *app.secrets, *app.secret_references]
    for name in given:
        if not is_variable(name):
            raise AppInvalid(app.where, f"{name!r} is no name of a variable", VARIABLE_FORM)
    twice = _first_twice(given)
    if twice:
        raise AppInvalid(app.where, f"the variable {twice!r} is given twice", "give it once, as a variable or a secret")


def _check_memory(app: SpinApp) -> None:
    for kind, values in app.resources.items():
        if kind not in ("limits", "requests"):
            raise AppInvalid(app.where, f"resources has {kind!r}", "give limits and requests")
        for name, value in values.items():
            _quantity(app, f"resources.{kind}.{name}", value)
    if not app.memory_limit:
        return
    wanted = _quantity(app, "memory_limit", app.memory_limit)
    for kind in ("limits", "requests"):
        found = (app.resources.get(kind) or {}).get("memory")
        if found is not None:
            if wanted > _quantity(app, f"resources.{kind}.memory", found):
                cause = f"memory_limit {app.memory_limit} is above resources.{kind}.memory {found}"
                raise AppInvalid(app.where, cause, "an instance has to fit into its container")
            return


def _check_stores(app: SpinApp) -> None:
    if app.runtime_config_secret and (app.key_value_stores or app.sqlite_databases):
        cause = "has stores and a secret with the runtime configuration"
        raise AppInvalid(app.where, cause, "write the stores into that secret, or leave it out")
    for what, stores in (("key-value store", app.key_value_stores), ("SQLite database", app.sqlite_databases)):
        twice = _first_twice(store.name for store in stores)
        if twice:
            raise AppInvalid(app.where, f"the {what} {twice!r} is given twice", "give each its own name")


def _check_volumes(app: SpinApp) -> None:
    for volume in app.volumes:
        if volume.name.startswith("spin-"):
            cause = f"the volume {volume.name!r} has a name that Spin uses itself"
            raise AppInvalid(app.where, cause, "choose a name that does not begin with spin-")
        if not volume.path.startswith("/") or volume.path.rstrip("/") == "":
            cause = f"the volume {volume.name!r} has the path {volume.path!r}"
            raise AppInvalid(app.where, cause, "write an absolute path below /")
    twice = _first_twice(volume.name for volume in app.volumes)
    if twice:
        raise AppInvalid(app.where, f"the volume {twice!r} is given twice", "give each its own name")


def _quantity(app: SpinApp, what: str, value: Any) -> int:
    try:
        return quantity(str(value))
    except ValueError as error:
        raise AppInvalid(app.where, f"{what}: {error}", "write it like 64Mi or 250m") from None


def _first_twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
