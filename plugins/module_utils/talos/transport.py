# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS to a Talos API: contexts, certificates, and what a failed handshake means.

Talos' own certificates are Ed25519, which OpenSSL (the `ssl` module) verifies and BoringSSL (grpcio) does not.

Source: siderolabs/talos:internal/app/apid/ (TLS 1.2 at least, ALPN h2, client certificate required)
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials

CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = None
try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError as error:
    CRYPTOGRAPHY_IMPORT_ERROR = error

HTTP2 = "h2"


def mutual_context(credentials: Credentials) -> ssl.SSLContext:
    """Return a client context that verifies the node against the CA and presents the client certificate.

    Raises ValueError when CA, certificate or key cannot be loaded or do not belong together.
    """
    context = _client_context()
    try:
        context.load_verify_locations(cadata=credentials.ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise ValueError("the CA of the talosconfig cannot be loaded") from None
    with _readable_path(credentials.crt + b"\n" + to_standard_label(credentials.key)) as path:
        try:
            context.load_cert_chain(path)
        except ssl.SSLError as error:
            raise ValueError(f"client certificate and key of the talosconfig: {_reason(error)}") from None
    return context


def unverified_context() -> ssl.SSLContext:
    """Return a client context that accepts any certificate and presents none (maintenance mode)."""
    context = _client_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([HTTP2])
    return context


@contextlib.contextmanager
def _readable_path(content: bytes) -> Iterator[str]:
    """Yield a path under which `ssl` can read `content`: memory where the system has it, else a private file."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("talos-credentials", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as memory:
            memory.write(content)
            memory.flush()
            yield f"/proc/self/fd/{descriptor}"
        return
    with tempfile.NamedTemporaryFile(prefix="talos-credentials-") as file:
        file.write(content)
        file.flush()
        yield file.name


def parse_fingerprint(text: str) -> bytes:
    """Return the 32 bytes of a SHA-256 written as base64 (as talosctl prints it) or hex, with or without colons.

    Raises ValueError.
    """
    plain = text.strip()
    for prefix in ("sha256:", "sha256//", "SHA256:"):
        plain = plain.removeprefix(prefix)
    digits = plain.replace(":", "")
    with contextlib.suppress(ValueError):
        if len(digits) == 64:
            return bytes.fromhex(digits)
    try:
        value = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != 32:
        raise ValueError(f"fingerprint {text!r} is not a SHA-256 in base64 or hex")
    return value


def format_fingerprint(value: bytes) -> str:
    """Return a fingerprint in base64, as talosctl takes it (--cert-fingerprint)."""
    return base64.b64encode(value).decode()


def public_key_fingerprint(certificate: bytes) -> bytes:
    """Return the SHA-256 of the public key (SubjectPublicKeyInfo) of a DER certificate. Raises ValueError."""
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def has_empty_subject(certificate: bytes) -> bool:
    """Say whether a DER certificate names nobody, as those of nodes in maintenance mode do. Raises ValueError."""
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    return not list(x509.load_der_x509_certificate(certificate).subject)


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
