# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of one node: what COSI clients get, list and watch.

Source: cosi-project/runtime:pkg/state, cosi-project/specification:proto/v1alpha1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import Clock

CREATED, UPDATED, DESTROYED = "CREATED", "UPDATED", "DESTROYED"
QUEUE_LIMIT = 1000  # events a slow watcher may be behind before it is cut off


@dataclass(frozen=True)
class Resource:
    """One resource; ``spec`` is plain YAML data (mapping, list or scalar) and is never changed in place."""

    namespace: str
    type: str
    id: str
    spec: Any
    version: int
    owner: str
    created: datetime
    updated: datetime
    phase: str = "running"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """One event of a watch: ``kind`` is CREATED, UPDATED or DESTROYED."""

    kind: str
    resource: Resource
    old: Resource | None = None


class Subscription:
    """The changes of one watcher, in order."""

    def __init__(self, namespace: str, type: str, id: str | None) -> None:
        self._selects = (namespace, type, id)
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE_LIMIT)

    def offer(self, change: Change) -> None:
        """Hand a change over if it is of interest; a watcher too far behind gets None, the end."""
        namespace, type, id = self._selects
        resource = change.resource
        if (resource.namespace, resource.type) != (namespace, type) or id not in (None, resource.id):
            return
        if self._queue.qsize() >= QUEUE_LIMIT - 1:
            self._queue = asyncio.Queue()
            self._queue.put_nowait(None)
            return
        self._queue.put_nowait(change)

    async def next(self) -> Change | None:
        """Wait for the next change; None when the watcher fell too far behind."""
        return await self._queue.get()


class Store:
    """All resources of a node, in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resources: dict[tuple[str, str], dict[str, Resource]] = {}
        self._subscriptions: set[Subscription] = set()

    def get(self, namespace: str, type: str, id: str) -> Resource | None:
        """Return one resource, None when missing."""
        return self._resources.get((namespace, type), {}).get(id)

    def spec(self, namespace: str, type: str, id: str) -> Any:
        """Return the spec of one resource, None when missing."""
        resource = self.get(namespace, type, id)
        return None if resource is None else resource.spec

    def list(self, namespace: str, type: str) -> list[Resource]:
        """Return all resources of a type in a namespace, sorted by id."""
        found = self._resources.get((namespace, type), {})
        return [found[id] for id in sorted(found)]

    def put(
        self,
        namespace: str,
        type: str,
        id: str,
        spec: Any,
        *,
        owner: str = "",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Resource:
        """Create or update a resource; the version grows only when something changed."""
        old = self.get(namespace, type, id)
        now = self._clock.now()
        if old is None:
            new = Resource(
                namespace, type, id, spec, 1, owner, now, now, labels=labels or {}, annotations=annotations or {}
            )
            self._keep(Change(CREATED, new))
            return new
        labels = old.labels if labels is None else labels
        annotations = old.annotations if annotations is None else annotations
        if (old.spec, old.labels, old.annotations) == (spec, labels, annotations):
            return old
        new = replace(old, spec=spec, version=old.version + 1, updated=now, labels=labels, annotations=annotations)
        self._keep(Change(UPDATED, new, old))
        return new

    def remove(self, namespace: str, type: str, id: str) -> None:
        """Destroy a resource; nothing happens when it does not exist."""
        old = self._resources.get((namespace, type), {}).pop(id, None)
        if old is not None:
            self._tell(Change(DESTROYED, old))

    def replace_all(self, namespace: str, type: str, specs: Mapping[str, Any], *, owner: str = "") -> None:
        """Make the set of resources of a type equal to *specs* (id -> spec)."""
        for resource in self.list(namespace, type):
            if resource.id not in specs:
                self.remove(namespace, type, resource.id)
        for id, spec in specs.items():
            self.put(namespace, type, id, spec, owner=owner)

    def clear(self) -> None:
        """Destroy everything, as a power cycle does."""
        for namespace, type in list(self._resources):
            for resource in self.list(namespace, type):
                self.remove(namespace, type, resource.id)

    @contextmanager
    def subscribe(self, namespace: str, type: str, id: str | None = None) -> Iterator[Subscription]:
        """Collect the changes of a type (or of one id) for the duration of the context."""
        subscription = Subscription(namespace, type, id)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def _keep(self, change: Change) -> None:
        resource = change.resource
        self._resources.setdefault((resource.namespace, resource.type), {})[resource.id] = resource
        self._tell(change)

    def _tell(self, change: Change) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.offer(change)
