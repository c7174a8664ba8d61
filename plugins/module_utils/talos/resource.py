# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COSI resources as plain data.

Source: cosi-project/specification:proto/v1alpha1/, cosi-project/runtime:pkg/resource/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text
from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages

MACHINE_CONFIG = "MachineConfigs.config.talos.dev"

# Type of event -> whether it carries a resource that exists or existed
CREATED, UPDATED, DESTROYED, BOOTSTRAPPED, NOOP = "created", "updated", "destroyed", "bootstrapped", "noop"
ERRORED = "errored"


@dataclass(frozen=True)
class Resource:
    """One resource of a node.

    `version` is a decimal number as text, or "undefined"; `phase` "running" or "tearingDown".
    `spec` is the parsed YAML of the specification; of a MachineConfig it is the text of the whole configuration.
    """

    namespace: str
    type: str
    id: str
    version: str = "undefined"
    phase: str = "running"
    owner: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    spec: Any = None


@dataclass(frozen=True)
class ResourceEvent:
    """One event of a watch.

    `kind` is "created", "updated", "destroyed", "bootstrapped" (all that existed before has been sent) or "noop".
    `resource` is None when the event is about none; `old` is what an update replaced; `bookmark` is opaque.
    """

    kind: str
    resource: Resource | None = None
    old: Resource | None = None
    bookmark: bytes = b""


def parse_resource(wire: Any) -> Resource:
    """Return the plain form of a ``cosi.resource.Resource`` message. Raises YamlError when its spec is not YAML."""
    metadata = wire.metadata
    return Resource(
        namespace=metadata.namespace,
        type=metadata.type,
        id=metadata.id,
        version=metadata.version,
        phase=metadata.phase,
        owner=metadata.owner,
        labels=dict(metadata.labels),
        annotations=dict(metadata.annotations),
        spec=_spec(metadata.type, metadata.id, wire.spec.yaml_spec),
    )


def _spec(resource_type: str, resource_id: str, text: str) -> Any:
    documents = yaml_text.load_all(text, f"{resource_type}/{resource_id}")
    if resource_type == MACHINE_CONFIG:
        # a YAML string that holds the configuration; servers of old sent the configuration itself
        return documents[0] if len(documents) == 1 and isinstance(documents[0], str) else text
    return documents[0] if len(documents) == 1 else documents or None


def parse_event(wire: Any) -> ResourceEvent:
    """Return the plain form of a ``cosi.resource.Event`` message; an ERRORED one is the caller's to raise."""
    return ResourceEvent(
        kind=messages.enum("cosi.resource.EventType").Name(wire.event_type).lower(),
        resource=_resource_of(wire, "resource"),
        old=_resource_of(wire, "old"),
        bookmark=wire.bookmark,
    )


def _resource_of(wire: Any, name: str) -> Resource | None:
    if not wire.HasField(name) or not getattr(wire, name).metadata.id:
        return None
    return parse_resource(getattr(wire, name))
