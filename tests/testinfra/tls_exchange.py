# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TLS connection with any client certificate, without the checks of the collection's own clients."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label

SECONDS = 10.0
# Seconds that the server may take to refuse us before we speak: at first, and when an alert seems to have been lost.
PATIENCE = (0.1, 1.0, 5.0)
ALERT = re.compile(r"ALERT_(\w+)")


@dataclass(frozen=True)
class Exchange:
    """What came of a connection: the alert that ended it ("" for none), the bytes received, our port."""

    alert: str
    received: bytes
    port: int


def exchange(
    address: str,
    port: int,
    certificate: pki.CertificateAndKey | None,
    request: bytes,
    protocols: Sequence[str] = ("http/1.1",),
) -> Exchange:
    """Connect, send *request* and return what the server answers first.

    :param protocols: offered by ALPN.
    :raises OSError: no connection, or each was closed without an alert and without an answer.
    """
    context = _context(certificate, protocols)
    for patience in PATIENCE:
        with contextlib.suppress(ssl.SSLEOFError, ConnectionError):
            return _once(context, address, port, request, patience)
    raise ConnectionError(f"{address}:{port} neither answered nor refused any of {len(PATIENCE)} connections")


def _once(context: ssl.SSLContext, address: str, port: int, request: bytes, patience: float) -> Exchange:
    with socket.create_connection((address, port), SECONDS) as plain:
        own_port = plain.getsockname()[1]
        try:
            with context.wrap_socket(plain, server_hostname=address) as connection:
                received = _first_words(connection, request, patience)
        except ssl.SSLError as error:
            alert = ALERT.search(error.reason or "")
            if alert is None:
                raise
            return Exchange(alert[1].lower().replace("_", " "), b"", own_port)
    if not received:
        raise ConnectionError(f"{address}:{port} closed the connection without an answer and without an alert")
    return Exchange("", received, own_port)


def _first_words(connection: ssl.SSLSocket, request: bytes, patience: float) -> bytes:
    """Return what the server says first.

    In TLS 1.3 a refusal comes after the client's part of the handshake. Whoever writes into a connection that is being
    refused may lose the alert, so the server gets *patience* seconds to speak before we do.
    """
    connection.settimeout(patience)
    try:
        return connection.recv(65536)
    except TimeoutError:
        connection.settimeout(SECONDS)
    connection.sendall(request)
    return connection.recv(65536)


def _context(certificate: pki.CertificateAndKey | None, protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the server is on trial for whom it lets in, not for who it is
    context.set_alpn_protocols(list(protocols))
    if certificate is not None:
        with tempfile.TemporaryDirectory(prefix="homelab-credential-") as directory:
            path = Path(directory) / "chain.pem"
            path.touch(mode=0o600)
            path.write_bytes(certificate.crt + b"\n" + to_standard_label(certificate.key))
            context.load_cert_chain(path)
    return context
