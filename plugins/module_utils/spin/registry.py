# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushing an application to a registry and pulling it back, every part checked by its digest.

Source: opencontainers/distribution-spec:spec.md
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.homelab.talos.plugins.module_utils.spin.artifact import (
    APPLICATION_TYPE,
    MANIFEST_TYPE,
    Artifact,
    Blob,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ArtifactInvalid, RegistryError
from ansible_collections.homelab.talos.plugins.module_utils.spin.locked_app import digest_of
from ansible_collections.homelab.talos.plugins.module_utils.spin.reference import Reference
from ansible_collections.homelab.talos.plugins.module_utils.spin.registry_session import RegistryAccess, RegistrySession

_DIGEST_HEADER = "Docker-Content-Digest"
_TYPES = (
    f"{MANIFEST_TYPE}, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_LARGEST = 1 << 30


class Registry:
    """The repository of a reference, used as a context manager.

    :param reference: image that is meant; its repository is worked in.
    :param access: how the registry is reached.
    :raises RegistryError: the access cannot be used.
    """

    def __init__(
        self, reference: Reference, access: RegistryAccess, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._reference = reference
        self._session = RegistrySession(reference.registry, access, pause)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.__exit__(*error)

    def digest(self) -> str:
        """Return the digest of what the reference names, empty when there is no such image.

        :raises RegistryError: the registry cannot be asked.
        """
        version = self._reference.version
        answer = self._ask("HEAD", f"manifests/{version}", (200, 404), headers={"Accept": _TYPES})
        if answer.status_code == 404:
            return ""
        found = answer.headers.get(_DIGEST_HEADER, "")
        return str(found) or digest_of(self._manifest())

    def push(self, artifact: Artifact) -> bool:
        """Push an artifact under the tag of the reference; return whether it was not there yet.

        :raises RegistryError: the registry refuses, or keeps something else than was sent.
        """
        if self._reference.digest and self._reference.digest != artifact.digest:
            cause = f"the application has the digest {artifact.digest}"
            raise RegistryError(str(self._reference), cause, "name a tag, or build what that digest stands for")
        if self.digest() == artifact.digest:
            return False
        for blob in (*artifact.layers, artifact.config):
            self._push_blob(blob)
        answer = self._ask(
            "PUT",
            f"manifests/{self._reference.tag or artifact.digest}",
            (201,),
            headers={"Content-Type": MANIFEST_TYPE},
            data=artifact.manifest,
        )
        kept = answer.headers.get(_DIGEST_HEADER, artifact.digest)
        if kept != artifact.digest:
            cause = f"the registry keeps {kept}, sent was {artifact.digest}"
            raise RegistryError(str(self._reference), cause, "do not use that registry")
        return True

    def pull(self) -> Artifact:
        """Return the artifact of the reference.

        :raises ArtifactInvalid: it is no Spin application, or a digest is wrong.
        :raises RegistryError: it cannot be had.
        """
        data = self._manifest()
        manifest = _parsed(str(self._reference), data)
        layers = tuple(self._blob(each) for each in manifest["layers"])
        if not layers or layers[-1].media_type != APPLICATION_TYPE:
            kinds = ", ".join(sorted({layer.media_type for layer in layers})) or "none"
            cause = f"is no Spin application (its layers are {kinds})"
            raise ArtifactInvalid(str(self._reference), cause, "push it with homelab.talos.spin_artifact")
        return Artifact(self._blob(manifest["config"]), layers, manifest.get("annotations") or {})

    def _manifest(self) -> bytes:
        version = self._reference.version
        data: bytes = self._ask("GET", f"manifests/{version}", (200,), headers={"Accept": _TYPES}).content
        found = digest_of(data)
        if self._reference.digest and found != self._reference.digest:
            raise ArtifactInvalid(str(self._reference), f"the registry sent {found}", "do not use that registry")
        return data

    def _blob(self, descriptor: dict[str, Any]) -> Blob:
        digest, size = descriptor["digest"], descriptor["size"]
        data: bytes = self._ask("GET", f"blobs/{digest}", (200,)).content
        blob = Blob(str(descriptor["mediaType"]), data)
        if blob.digest != digest or len(data) != size:
            cause = f"layer {digest}: the registry sent {len(data)} bytes with the digest {blob.digest}"
            raise ArtifactInvalid(str(self._reference), cause, "push it again, or do not use that registry")
        return blob

    def _push_blob(self, blob: Blob) -> None:
        if self._ask("HEAD", f"blobs/{blob.digest}", (200, 404)).status_code == 200:
            return
        begun = self._ask("POST", "blobs/uploads/", (202,))
        location = begun.headers.get("Location", "")
        if not location:
            raise RegistryError(str(self._reference), "the registry takes no upload", "use another registry")
        headers = {"Content-Type": "application/octet-stream"}
        self._ask(
            "PUT", _with_digest(self._session.url(location), blob.digest), (201,), headers=headers, data=blob.data
        )

    def _ask(self, method: str, what: str, expected: tuple[int, ...], **options: Any) -> Any:
        path = what if what.startswith("http") else f"{self._reference.repository}/{what}"
        return self._session.ask(method, path, expected, scope=str(self._reference), **options)


def _with_digest(location: str, digest: str) -> str:
    parts = urlsplit(location)
    query = f"{parts.query}&digest={digest}" if parts.query else f"digest={digest}"
    return urlunsplit(parts._replace(query=query))


def _parsed(name: str, data: bytes) -> dict[str, Any]:
    """Return a manifest of which everything that is used here has its form."""
    try:
        content = json.loads(data)
        descriptors = [content["config"], *content["layers"]]
        if not all(_is_descriptor(each) for each in descriptors):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArtifactInvalid(name, "has no image manifest with layers", "push it as a Spin application") from None
    return dict(content)


def _is_descriptor(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("digest"), str)
        and isinstance(value.get("mediaType"), str)
        and isinstance(value.get("size"), int)
        and value["size"] <= _LARGEST
    )
