# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Spin application as an OCI artifact: one manifest, no variants per architecture, the same bytes each time.

Source: spinframework/spin:crates/oci/src/client.rs
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.content import AppContent
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.locked_app import digest_of, is_inline, locked_app
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Application, Manifest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
WASM_TYPE = "application/vnd.wasm.content.layer.v1+wasm"
DATA_TYPE = "application/vnd.wasm.content.layer.v1+data"
ARCHIVE_TYPE = "application/vnd.wasm.content.bundle.v1.tar+gzip"
APPLICATION_TYPE = "application/vnd.fermyon.spin.application.v1+config"
# What wkg pushes: one layer with the component and nothing of Spin.
PACKAGE_TYPE = "application/wasm"
DIGEST_LABEL = "com.fermyon.spin.lockedAppDigest"

# Registries take at most 500 layers; one of them is the application.
MOST_CONTENT_LAYERS = 499
_ANNOTATION = "org.opencontainers.image."


@dataclass(frozen=True)
class Blob:
    """Bytes in a registry."""

    media_type: str
    data: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Its digest."""
        return digest_of(self.data)

    @property
    def descriptor(self) -> dict[str, Any]:
        """How a manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True)
class Artifact:
    """An application that is packed.

    :ivar layers: contents, and last the locked application.
    """

    config: Blob
    layers: tuple[Blob, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def manifest(self) -> bytes:
        """The image's manifest."""
        content = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.config.descriptor,
            "layers": [layer.descriptor for layer in self.layers],
            **({"annotations": dict(self.annotations)} if self.annotations else {}),
        }
        return _json(content)

    @property
    def digest(self) -> str:
        """The digest by which the image is named."""
        return digest_of(self.manifest)

    @property
    def size(self) -> int:
        """Bytes of all its parts."""
        return len(self.manifest) + len(self.config.data) + sum(len(layer.data) for layer in self.layers)

    @property
    def application(self) -> Any:
        """The locked application."""
        return json.loads(self.layers[-1].data)


def pack(manifest: Manifest, content: AppContent, annotations: Mapping[str, str] | None = None) -> Artifact:
    """Return the artifact of an application.

    The annotation ``created``, which `spin registry push` makes from the clock, is only there when it is given: the
    digest would be another one each time.

    :param annotations: further ones; they win over those from the manifest.
    :raises ContentInvalid: a file cannot be in it, or there are too many.
    """
    wasm = {each.id: content.wasm(each) for each in manifest.components.values()}
    files = {each.id: content.files(each) for each in manifest.components.values()}
    layers: dict[str, Blob] = {}
    for component in manifest.components:
        _add(layers, Blob(WASM_TYPE, wasm[component]))
        for data in files[component].values():
            if not is_inline(data):
                _add(layers, Blob(DATA_TYPE, data))
    if len(layers) > MOST_CONTENT_LAYERS:
        cause = f"needs {len(layers)} layers, registries take {MOST_CONTENT_LAYERS} and the application's own"
        raise ContentInvalid(manifest.file, cause, "mount fewer files, or put several into one")
    application = Blob(APPLICATION_TYPE, _json(locked_app(manifest, wasm, files)))
    labels = {**_inferred(manifest.application), **(annotations or {})}
    return Artifact(_config(application), (*layers.values(), application), labels)


def _add(layers: dict[str, Blob], blob: Blob) -> None:
    layers.setdefault(blob.digest, blob)


def _config(application: Blob) -> Blob:
    """Return the configuration; without the label all applications would have the same image id."""
    content = {
        "architecture": "wasm",
        "os": "Wasip1",
        "config": {"Labels": {DIGEST_LABEL: application.digest}},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return Blob(CONFIG_TYPE, _json(content))


def _inferred(application: Application) -> dict[str, str]:
    values = {
        "authors": ", ".join(application.authors),
        "title": application.name,
        "description": application.description,
        "version": application.version,
    }
    return {f"{_ANNOTATION}{key}": value for key, value in values.items() if value}


def _json(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()
