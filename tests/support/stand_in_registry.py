# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for a container registry on a loopback address: manifests, blobs, and anonymous tokens.

Source: opencontainers/distribution-spec:spec.md, distribution/distribution:docs/content/spec/auth/token.md.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ansible_collections.homelab.talos.tests.support import bootable_media

TOKEN = "anonymous"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class StandInRegistry:
    """What the registry holds, and what it was asked.

    :ivar asked: path of each request that was answered with content.
    :ivar base_url: where it listens, set by :func:`serve`.
    """

    def __init__(self, needs_token: bool = True) -> None:
        self.needs_token = needs_token
        self.base_url = ""
        self.asked: list[str] = []
        self._manifests: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}

    def add_image(self, repository: str, tag: str, files: dict[str, bytes], architectures: Iterable[str]) -> str:
        """Add an index with one image of the files per architecture; return its digest.

        :param repository: without the registry's host.
        """
        entries = []
        for architecture in architectures:
            layer = bootable_media.tar(files)
            config = json.dumps({"architecture": architecture, "os": "linux"}).encode()
            manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self._blob(repository, config),
                "layers": [self._blob(repository, layer)],
            }
            digest = self._manifest(repository, json.dumps(manifest).encode())
            entries.append({"digest": digest, "platform": {"architecture": architecture, "os": "linux"}})
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        digest = self._manifest(repository, content)
        self._manifests[f"{repository}/manifests/{tag}"] = content
        return digest

    def replace_blob(self, repository: str, content: bytes) -> None:
        """Let every blob of a repository have another content than its digest says."""
        for path in self._blobs:
            if path.startswith(f"{repository}/"):
                self._blobs[path] = content

    def answer(self, path: str) -> tuple[bytes, str] | None:
        """Return content and media type of a path below ``/v2/``, None when there is nothing."""
        if path in self._manifests:
            content = self._manifests[path]
            return content, json.loads(content)["mediaType"]
        return (self._blobs[path], "application/octet-stream") if path in self._blobs else None

    def _manifest(self, repository: str, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._manifests[f"{repository}/manifests/{digest}"] = content
        return digest

    def _blob(self, repository: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._blobs[f"{repository}/blobs/{digest}"] = content
        return {"digest": digest, "size": len(content), "mediaType": "application/octet-stream"}


@contextmanager
def serve(registry: StandInRegistry) -> Iterator[StandInRegistry]:
    """Let the registry answer on a free port of the loopback interface while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        """Answers for the registry."""

        def do_GET(self) -> None:
            """Answer one request."""
            if self.path.startswith("/token"):
                self._send(200, json.dumps({"token": TOKEN}).encode(), "application/json")
            elif registry.needs_token and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                scope = "repository:any:pull"
                challenge = f'Bearer realm="{registry.base_url}/token",service="stand-in",scope="{scope}"'
                self._send(401, b"", "text/plain", {"WWW-Authenticate": challenge})
            elif (found := registry.answer(self.path.removeprefix("/v2/"))) is not None:
                registry.asked.append(self.path)
                self._send(200, *found)
            else:
                self._send(404, b"", "text/plain")

        def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Type": kind, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: Any) -> None:
            """Say nothing: what was asked is in ``asked``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
