# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry on loopback that takes and gives artifacts, over TLS, with users if a test wants some.

It keeps what it is sent only when the digest is right, as every registry does. Deviations are asked for by a test.

Source: opencontainers/distribution-spec:spec.md, distribution/distribution:docs/content/spec/auth/token.md
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki

USER, PASSWORD = "pusher", "opensesame"
_TOKEN = "a-token-for-pushing"


@dataclass
class OciRegistry:
    """What a registry holds, and how it behaves.

    :ivar login: how a client proves who it is.
    :ivar host: host and port, set by :func:`serve`.
    :ivar ca_file: file with its authority; None without TLS.
    :ivar requests: method and path of each request.
    :ivar busy: number of requests that are answered with 503 before others.
    :ivar other_blob: given out in place of every blob, when it is set.
    """

    login: Literal["", "basic", "bearer"] = ""
    host: str = ""
    ca_file: Path | None = None
    requests: list[str] = field(default_factory=list)
    busy: int = 0
    other_blob: bytes | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def uploads(self) -> int:
        """Return how many blobs were uploaded."""
        return sum(1 for each in self.requests if each.startswith("PUT") and "/blobs/" in each)


@contextmanager
def serve(registry: OciRegistry, directory: Path, tls: bool = True, name: str = "127.0.0.1") -> Iterator[OciRegistry]:
    """Let the registry answer on a free port of the loopback interface while the context is open.

    :param directory: for certificate and key.
    :param name: address that the certificate is for.
    """
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry}))
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    if tls:
        server.socket = _context(registry, directory, name).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _context(registry: OciRegistry, directory: Path, name: str) -> ssl.SSLContext:
    authority = pki.create_ca("ecdsa", "lab")
    issued = pki.issue(authority, ("server",), "registry", sans=(name,))
    for end, data in (("crt", issued.crt), ("key", issued.key), ("ca", authority.crt)):
        (directory / f"registry.{end}").write_bytes(data)
    registry.ca_file = directory / "registry.ca"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(directory / "registry.crt", directory / "registry.key")
    return context


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that does not trust the certificate hangs up, which is what some tests are about.
        return None


class _Handler(BaseHTTPRequestHandler):
    registry: OciRegistry
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_words: Any) -> None:
        """Say nothing: what was asked is in ``requests``."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.registry.requests.append(f"{self.command} {parts.path}")
        if self.registry.busy:
            self.registry.busy -= 1
            self._send(503)
        elif parts.path == "/token":
            self._token()
        elif not self._let_in():
            self._challenge()
        else:
            repository, _slash, what = parts.path.removeprefix("/v2/").rpartition("/")
            if repository.endswith("/manifests"):
                self._manifest(parts.path, what, body)
            elif repository.endswith("/blobs/uploads"):
                self._upload(parts, body)
            else:
                self._blob(what)

    def _manifest(self, path: str, reference: str, body: bytes) -> None:
        if self.command == "PUT":
            digest = _digest(body)
            missing = [each for each in _named(body) if each not in self.registry.blobs]
            if missing:
                self._send(400, _error("MANIFEST_BLOB_UNKNOWN", f"blob unknown: {missing[0]}"))
                return
            kept = (self.headers.get("Content-Type", ""), body)
            self.registry.manifests[path] = kept
            self.registry.manifests[f"{path.rpartition('/')[0]}/{digest}"] = kept
            self._send(201, headers={"Docker-Content-Digest": digest})
        elif path in self.registry.manifests:
            kind, content = self.registry.manifests[path]
            self._send(200, content, {"Content-Type": kind, "Docker-Content-Digest": _digest(content)})
        else:
            self._send(404, _error("MANIFEST_UNKNOWN", f"manifest unknown: {reference}"))

    def _upload(self, parts: Any, body: bytes) -> None:
        if self.command == "POST":
            self._send(202, headers={"Location": f"{parts.path}upload-1?state=begun"})
            return
        digest = parse_qs(parts.query).get("digest", [""])[0]
        if digest != _digest(body) or "state=begun" not in parts.query:
            self._send(400, _error("DIGEST_INVALID", "provided digest did not match uploaded content"))
            return
        self.registry.blobs[digest] = body
        self._send(201)

    def _blob(self, digest: str) -> None:
        content = self.registry.blobs.get(digest)
        if content is None:
            self._send(404, _error("BLOB_UNKNOWN", "blob unknown to registry"))
        else:
            self._send(200, content if self.registry.other_blob is None else self.registry.other_blob)

    def _let_in(self) -> bool:
        given = self.headers.get("Authorization", "")
        wanted = {"": given, "basic": _basic(), "bearer": f"Bearer {_TOKEN}"}[self.registry.login]
        return given == wanted

    def _challenge(self) -> None:
        if self.registry.login == "basic":
            challenge = 'Basic realm="lab"'
        else:
            scheme = "https" if self.registry.ca_file else "http"
            challenge = f'Bearer realm="{scheme}://{self.registry.host}/token",service="lab",scope="repository:a:push"'
        self._send(401, _error("UNAUTHORIZED", "authentication required"), {"WWW-Authenticate": challenge})

    def _token(self) -> None:
        if self.headers.get("Authorization") == _basic():
            self._send(200, json.dumps({"token": _TOKEN}).encode())
        else:
            self._send(401, _error("UNAUTHORIZED", "wrong password"))

    def _send(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _named(manifest: bytes) -> list[str]:
    content = json.loads(manifest)
    return [content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
