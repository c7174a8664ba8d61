# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts that no packer would make, pushed to the registry as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
WASM = "application/vnd.wasm.content.layer.v1+wasm"
APPLICATION = "application/vnd.fermyon.spin.application.v1+config"
LIMIT_SECONDS = 20


class RegistryClient:
    """Pushes blobs and manifests. *url* of the registry, *authority* file that it is trusted by."""

    def __init__(self, url: str, authority: Path) -> None:
        self._url = url
        self._session = requests.Session()
        # Authorities and proxies of this machine's environment would win over what is set here.
        self._session.trust_env = False
        self._session.verify = str(authority)

    def push_app(self, name: str, code: bytes, variables: Mapping[str, Any] | None = None) -> str:
        """Push an app of one component with *code*, whatever it is; return the digest of its manifest."""
        locked = {
            "spin_lock_version": 0,
            "metadata": {"name": name},
            "variables": dict(variables or {}),
            "triggers": [
                {"id": "one", "trigger_type": "http", "trigger_config": {"component": "one", "route": "/..."}}
            ],
            "components": [
                {"id": "one", "source": {"content_type": "application/wasm", "digest": digest(code)}},
            ],
        }
        return self.push(name, [(WASM, code), (APPLICATION, json.dumps(locked).encode())])

    def push(self, name: str, layers: Sequence[tuple[str, bytes]]) -> str:
        """Push an image with *layers* (media type, content); return the digest of its manifest."""
        # A name of its own in the configuration, as images are told apart by it.
        stub = {"architecture": "wasm", "os": "Wasip1", "config": {"Labels": {"name": name}}}
        config = json.dumps({**stub, "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(name, CONFIG, config),
            "layers": [self._blob(name, kind, content) for kind, content in layers],
        }
        text = json.dumps(manifest).encode()
        url = f"{self._url}/v2/{name}/manifests/1.0"
        headers = {"Content-Type": MANIFEST}
        self._session.put(url, data=text, headers=headers, timeout=LIMIT_SECONDS).raise_for_status()
        return digest(text)

    def _blob(self, name: str, kind: str, content: bytes) -> dict[str, Any]:
        begun = self._session.post(f"{self._url}/v2/{name}/blobs/uploads/", timeout=LIMIT_SECONDS)
        begun.raise_for_status()
        # The registry names itself by the host that it was asked under.
        place = urlsplit(begun.headers["Location"])
        url = f"{self._url}{place.path}?{place.query}&digest={digest(content)}"
        self._session.put(url, data=content, timeout=LIMIT_SECONDS).raise_for_status()
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def digest(content: bytes) -> str:
    """Return the digest of bytes as OCI writes it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
