# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying the objects of a manifest file: any kind that the cluster knows, definitions of kinds first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.errors import KubernetesError
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

Object = dict[str, Any]

# What others need to be there already.
_FIRST = ("Namespace", "CustomResourceDefinition")
_KIND_SECONDS = 30.0
_PAUSE = 0.5


class ManifestFileError(KubernetesError):
    """A manifest file cannot be read, or names what the cluster does not know."""


def read_objects(path: str) -> list[Object]:
    """Return the objects of a file, in the order in which they can be applied.

    :raises ManifestFileError: it cannot be read, or holds something else.
    """
    try:
        documents = yaml_text.load_all(Path(path).expanduser().read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise _invalid(path, f"cannot be read: {reason}", "check the path") from None
    except yaml_text.YamlError as error:
        raise _invalid(f"{path}:{error.line}", error.cause, "correct the file") from None
    found = [each for document in documents if document is not None for each in _items(document)]
    for number, each in enumerate(found, 1):
        if not isinstance(each, dict) or not each.get("kind") or not (each.get("metadata") or {}).get("name"):
            raise _invalid(path, f"object {number} has no kind or no name", "write one Kubernetes object per document")
    return sorted(found, key=lambda each: _FIRST.index(each["kind"]) if each["kind"] in _FIRST else len(_FIRST))


class ManifestApplier:
    """Applies objects of any kind.

    :param manager: name under which fields are kept.
    :param pause: waits a number of seconds; tests replace it.
    """

    def __init__(
        self, client: KubernetesClient, manager: str, dry_run: bool, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._manager = manager
        self._dry_run = dry_run
        self._pause = pause
        self._resources: dict[str, list[Object]] = {}

    def path(self, item: Mapping[str, Any]) -> str:
        """Return the path of an object; a kind that was just defined is waited for.

        :raises ManifestFileError: the cluster does not know its kind.
        """
        version, kind = str(item.get("apiVersion") or ""), str(item["kind"])
        tries = 1 if self._dry_run else int(_KIND_SECONDS / _PAUSE)
        for number in range(tries):
            resource = self._resource(version, kind)
            if resource is not None:
                namespace = item["metadata"].get("namespace") or "default"
                within = f"/namespaces/{namespace}" if resource.get("namespaced") else ""
                return f"{_base(version)}{within}/{resource['name']}/{item['metadata']['name']}"
            if number + 1 < tries:
                # sleep: the poll of a wait with a limit
                self._pause(_PAUSE)
        operation = f"applying {kind} {item['metadata']['name']}"
        cause = f"{version} {kind} is not known"
        raise ManifestFileError(self._client.server, operation, cause, "install what defines it")

    def apply(self, items: Sequence[Object]) -> list[tuple[Object | None, Object]]:
        """Apply objects; return each before and after."""
        changes: list[tuple[Object | None, Object]] = []
        for item in items:
            path = self.path(item)
            before = self._client.find(path)
            changes.append((before, self._client.apply(path, item, self._manager, self._dry_run)))
        return changes

    def _resource(self, version: str, kind: str) -> Object | None:
        if version not in self._resources:
            found = self._client.find(_base(version))
            listed = list((found or {}).get("resources") or [])
            if not any(each.get("kind") == kind for each in listed):
                return None
            self._resources[version] = listed
        return next(
            (each for each in self._resources[version] if each.get("kind") == kind and "/" not in each["name"]), None
        )


def _base(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _items(document: Any) -> list[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        return list(document.get("items") or [])
    return [document]


def _invalid(path: str, cause: str, remedy: str) -> ManifestFileError:
    return ManifestFileError(path, "reading the manifest", cause, remedy)
