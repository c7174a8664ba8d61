# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The COSI state API: reading and watching resources; writing is refused to everybody.

Source: cosi-project/runtime:pkg/state/protobuf/server, siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1
(access policy).
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.machined import authorization, definitions, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.label_query import matches
from ansible_collections.homelab.talos.lab.machined.spec_encoding import proto_spec
from ansible_collections.homelab.talos.lab.machined.store import Resource, Store
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PREFIX = "/cosi.resource.State/"
WRITES = ("Create", "Update", "Destroy", "Teardown", "TeardownAndDestroy")
YAML_SPEC_ANNOTATION = "talos.dev/yaml-spec"


class _BlockDumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _block_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_BlockDumper.add_representer(str, _block_text)


class CosiService:
    """Serves one store; *refresh* is awaited with the type before it is read (kernel state is read on demand)."""

    def __init__(
        self, store: Store, served: dict[str, definitions.Definition], refresh: Callable[[str], Awaitable[None]]
    ):
        self._store = store
        self._served = served
        self._refresh = refresh

    def publish_definitions(self) -> None:
        """Put namespaces and resource definitions into the store."""
        for name, description in definitions.NAMESPACES.items():
            self._store.put("meta", definitions.NAMESPACE_TYPE, name, {"description": description}, owner="meta")
        for definition in self._served.values():
            spec = definitions.definition_spec(definition)
            self._store.put("meta", definitions.DEFINITION_TYPE, definition.id, spec, owner="meta")

    def handlers(self) -> Handlers:
        """Return the handlers of the service."""
        reads: Handlers = {f"{PREFIX}Get": self._get, f"{PREFIX}List": self._list, f"{PREFIX}Watch": self._watch}
        return reads | {f"{PREFIX}{name}": self._write for name in WRITES}

    async def _write(self, call: Call) -> Any:
        raise refusals.permission_denied("write access is not allowed")

    async def _check(self, call: Call) -> None:
        namespace, type = call.request.namespace, call.request.type
        if namespace not in definitions.NAMESPACES:
            raise refusals.permission_denied(f'namespace "{namespace}" is not supported')
        definition = self._served.get(type)
        if definition is None:
            raise refusals.permission_denied(f'resource type "{type}" is not supported')
        if definition.sensitive and authorization.ADMIN not in call.roles:
            raise refusals.permission_denied()
        await self._refresh(type)

    async def _get(self, call: Call) -> Any:
        await self._check(call)
        wanted = call.request
        resource = self._store.get(wanted.namespace, wanted.type, wanted.id)
        if resource is None:
            raise refusals.not_found(f"resource {wanted.type}({wanted.namespace}/{wanted.id}@undefined) doesn't exist")
        return message("cosi.resource.GetResponse")(resource=to_message(resource))

    async def _list(self, call: Call) -> AsyncGenerator[Any, None]:
        await self._check(call)
        selects = _selector(call.request.options)
        for resource in self._store.list(call.request.namespace, call.request.type):
            if selects(resource):
                yield message("cosi.resource.ListResponse")(resource=to_message(resource))

    async def _watch(self, call: Call) -> AsyncGenerator[Any, None]:
        await self._check(call)
        request, options = call.request, call.request.options
        id = request.id if request.HasField("id") else None
        response = message("cosi.resource.WatchResponse")
        selects = _selector(options)
        with self._store.subscribe(request.namespace, request.type, id) as subscription:
            first = list(self._first_events(request, id, selects))
            yield response()  # headers reach the client before the first event
            for event in first:
                yield response(event=[event])
            while (change := await subscription.next()) is not None:
                if selects(change.resource):
                    yield response(event=[_event(change.kind, change.resource, change.old)])
        raise refusals.failed_precondition("buffer overrun: the watcher is too far behind")

    def _first_events(self, request: Any, id: str | None, selects: Callable[[Resource], bool]) -> Iterable[Any]:
        present = self._store.list(request.namespace, request.type)
        if id is not None:
            found = self._store.get(request.namespace, request.type, id)
            yield _event("CREATED", found) if found else _missing(request, id)
            return
        if request.options.bootstrap_contents:
            for resource in filter(selects, present):
                yield _event("CREATED", resource)
            if request.api_version >= 1:
                event = message("cosi.resource.Event")(event_type=enum("cosi.resource.EventType").Value("BOOTSTRAPPED"))
                event.resource.metadata.version = "undefined"
                event.resource.spec.yaml_spec = "{}"
                yield event


def to_message(resource: Resource) -> Any:
    """Return the protobuf form of a resource."""
    encoded = message("cosi.resource.Resource")()
    metadata = encoded.metadata
    metadata.namespace, metadata.type, metadata.id = resource.namespace, resource.type, resource.id
    metadata.version, metadata.owner, metadata.phase = str(resource.version), resource.owner, resource.phase
    metadata.created.FromDatetime(resource.created)
    metadata.updated.FromDatetime(resource.updated)
    metadata.finalizers.extend(resource.finalizers)
    metadata.labels.update(resource.labels)
    metadata.annotations.update(resource.annotations)
    encoded.spec.yaml_spec = yaml.dump(resource.spec, Dumper=_BlockDumper, sort_keys=False, allow_unicode=True)
    encoded.spec.proto_spec = proto_spec(resource.type, resource.spec)
    return encoded


def _event(kind: str, resource: Resource, old: Resource | None = None) -> Any:
    event = message("cosi.resource.Event")(event_type=enum("cosi.resource.EventType").Value(kind))
    event.resource.CopyFrom(to_message(resource))
    if old is not None:
        event.old.CopyFrom(to_message(old))
    return event


def _missing(request: Any, id: str) -> Any:
    """Watching one id that does not exist starts with a tombstone.

    Source: cosi-project/runtime:pkg/state/impl/inmem/collection.go.
    """
    event = message("cosi.resource.Event")(event_type=enum("cosi.resource.EventType").Value("DESTROYED"))
    metadata = event.resource.metadata
    metadata.namespace, metadata.type, metadata.id = request.namespace, request.type, id
    metadata.version, metadata.phase = "undefined", "tearingDown"
    event.resource.spec.yaml_spec = "{}"
    return event


def _selector(options: Any) -> Callable[[Resource], bool]:
    pattern = options.id_query.regexp
    try:
        expression = re.compile(pattern) if pattern else None
    except re.error as error:
        raise refusals.invalid_argument(f"failed to compile regexp: {error}") from None
    queries = [list(query.terms) for query in options.label_query]

    def selects(resource: Resource) -> bool:
        if expression is not None and not expression.search(resource.id):
            return False
        return not queries or any(matches(terms, resource.labels) for terms in queries)

    return selects
