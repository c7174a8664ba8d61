# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API on loopback: TLS with client certificates, answers from a table."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.kubeconfig import render_kubeconfig


@dataclass
class FakeApi:
    """The server.

    :ivar answers: path -> (status, JSON); anything else is 404.
    :ivar asked: paths in the order of the requests.
    """

    url: str
    ca: pki.CertificateAndKey
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)

    def kubeconfig(self, ca: pki.CertificateAndKey | None = None, url: str = "") -> str:
        """Return a kubeconfig for this server, or one of another cluster."""
        authority = ca or self.ca
        admin = pki.issue_kubernetes_admin(authority)
        return render_kubeconfig("home", url or self.url, authority.crt, admin.crt, admin.key)


class _Handler(BaseHTTPRequestHandler):
    api: FakeApi

    def do_GET(self) -> None:
        self.api.asked.append(self.path)
        if self.path == "/slow":
            self.api.hold.wait(60)
        status, answer = self.api.answers.get(self.path, (404, {"kind": "Status", "message": "not found"}))
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is what some tests are about.
        return None


@pytest.fixture(scope="session")
def authority() -> pki.CertificateAndKey:
    """Return the Kubernetes authority of the cluster."""
    return secrets_bundle.authority(secrets_bundle.generate(service_account_bits=2048), "k8s")


@pytest.fixture
def api(authority: pki.CertificateAndKey, tmp_path: Path) -> Iterator[FakeApi]:
    """Run the server while a test lasts."""
    served = pki.issue(authority, ("server",), "kube-apiserver", sans=("127.0.0.1",))
    for name, data in (("crt", served.crt), ("key", served.key), ("ca", authority.crt)):
        (tmp_path / f"server.{name}").write_bytes(data)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "server.ca"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made = FakeApi(f"https://127.0.0.1:{server.server_address[1]}", authority)
    handler.api = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()
