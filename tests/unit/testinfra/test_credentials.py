# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix of credentials: a defect in any of its parts is seen."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label
from ansible_collections.homelab.talos.tests.testinfra import credentials
from ansible_collections.homelab.talos.tests.testinfra.credential_endpoints import Attempt, KubernetesApi
from ansible_collections.homelab.talos.tests.testinfra.credential_kinds import NAMES, Subject, own, present
from ansible_collections.homelab.talos.tests.testinfra.tls_exchange import exchange

BUNDLE = secrets_bundle.generate(service_account_bits=2048)
REQUEST = b"GET / HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\n\r\n"


class Sieve:
    """An endpoint that refuses everybody but its own administrator; parts of it can be broken."""

    subject = KubernetesApi.subject

    def __init__(self, *, logs: bool = True, leaks: bool = False, obeys: bool = False) -> None:
        self._logs, self._leaks, self._obeys = logs, leaks, obeys
        self._lines: list[str] = ["an entry of an earlier day"]
        self._written = False

    def attempt(self, certificate: pki.CertificateAndKey | None) -> Attempt:
        names = certificate is not None and certificate.crt in self._own
        self._written = self._written or names or self._obeys
        if names:
            return Attempt("201 Created", "")
        mark = f"attempt-{len(self._lines)}-"
        if self._logs:
            self._lines.append(f"refused {mark} {BUNDLE['trustdinfo']['token'] if self._leaks else ''}")
        return Attempt("401 Unauthorized", mark)

    _own: tuple[bytes, ...] = ()

    def log(self) -> list[str]:
        return list(self._lines)

    def written(self) -> bool:
        return self._written

    def clean(self) -> None:
        self._written = False


def matrix(monkeypatch: pytest.MonkeyPatch, **broken: bool) -> credentials.Matrix:
    """Return what the matrix shows of a sieve."""
    administrator = own(BUNDLE, Sieve.subject)
    monkeypatch.setattr(credentials, "own", lambda bundle, subject: administrator)
    monkeypatch.setattr(credentials, "LOG_SECONDS", 0.0)
    monkeypatch.setattr(Sieve, "_own", (administrator.crt,))
    found = credentials.Matrix()
    credentials.try_endpoint(found, "sieve", Sieve(**broken), BUNDLE)
    return found


def test_a_good_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    found = matrix(monkeypatch)
    assert found.answers == {"sieve": dict.fromkeys(NAMES, "401 Unauthorized")}
    assert found.entries == {"sieve": dict.fromkeys(NAMES, 1)}
    assert (found.written, found.granted, found.secrets) == ({"sieve": False}, {"sieve": True}, [])


def test_a_refusal_without_an_entry_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert matrix(monkeypatch, logs=False).entries == {"sieve": dict.fromkeys(NAMES, 0)}


def test_an_entry_with_a_secret_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(matrix(monkeypatch, leaks=True).secrets) == len(NAMES)


def test_a_refusal_that_wrote_nevertheless_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert matrix(monkeypatch, obeys=True).written == {"sieve": True}


@contextmanager
def server(directory: Path, clients: bytes | None) -> Iterator[int]:
    """A TLS server on loopback that answers every request; *clients* is the CA of those it lets in."""
    leaf = pki.issue(secrets_bundle.authority(BUNDLE, "k8s"), ("server",), "server", sans=["127.0.0.1"])
    path = directory / "chain.pem"
    path.write_bytes(leaf.crt + b"\n" + to_standard_label(leaf.key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, context), daemon=True).start()
        yield listening.getsockname()[1]


def _serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _peer = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(ANSWER)
        except OSError:
            plain.close()


@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("none", "certificate required"),
        ("unknown authority", "unknown ca"),
        ("expired", "certificate expired"),
        ("wrong usage", "unsupported certificate"),
        ("os:admin", "unknown ca"),
    ],
)
def test_each_credential_is_wrong_in_its_own_way(tmp_path: Path, name: str, alert: str) -> None:
    subject = Subject("k8s", "admin", ("system:masters",))
    with server(tmp_path, secrets_bundle.authority(BUNDLE, "k8s").crt) as port:
        assert exchange("127.0.0.1", port, present(BUNDLE, subject, name), REQUEST).alert == alert
        assert exchange("127.0.0.1", port, own(BUNDLE, subject), REQUEST).received == ANSWER


def test_a_server_without_authentication_is_seen(tmp_path: Path) -> None:
    with server(tmp_path, None) as port:
        seen: Any = exchange("127.0.0.1", port, None, REQUEST)
    assert (seen.alert, seen.received) == ("", ANSWER)
