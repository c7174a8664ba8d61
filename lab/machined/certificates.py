# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the node's own servers, and the TLS settings Talos uses.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/secrets/api.go, pkg/grpc/gen,
internal/app/apid/pkg/provider/tls.go.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label

LIFETIME = timedelta(hours=24)


def decode(value: str | None) -> bytes:
    """Return the PEM behind a base64 value of the machine configuration."""
    return base64.b64decode(value or "")


def os_ca(config: MachineConfig) -> pki.CertificateAndKey:
    """Return Talos' own CA of a machine configuration; the key is empty on workers."""
    ca = config.value("machine", "ca", default={})
    return pki.CertificateAndKey(decode(ca.get("crt")), decode(ca.get("key")))


def accepted_cas(config: MachineConfig) -> bytes:
    """Return every CA whose clients apid accepts, as one PEM bundle."""
    others = config.value("machine", "acceptedCAs", default=[])
    return b"\n".join([os_ca(config).crt, *(decode(each.get("crt")) for each in others)])


def sans(config: MachineConfig, names: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """Return what apid's server certificate is for: node addresses, loopback, the node's names, certSANs."""
    names = [*addresses, "127.0.0.1", *names, *config.value("machine", "certSANs", default=[])]
    return list(dict.fromkeys(name for name in names if name))


def issue_server(ca: pki.CertificateAndKey, hostname: str, names: Sequence[str]) -> pki.CertificateAndKey:
    """Issue a 24 h Ed25519 server certificate."""
    return pki.issue(ca, ("server",), hostname, sans=names, algorithm="ed25519", lifetime=LIFETIME)


def issue_impersonator(ca: pki.CertificateAndKey) -> pki.CertificateAndKey:
    """Issue the client certificate with which a control plane forwards calls."""
    return pki.issue_client(ca, [pki.ROLE_IMPERSONATOR], lifetime=LIFETIME)


def maintenance_certificate(addresses: Iterable[str]) -> pki.CertificateAndKey:
    """Return a server certificate of a CA made for this boot only."""
    ca = pki.create_ca("ed25519", "")
    names = list(dict.fromkeys([*addresses, "127.0.0.1"]))
    return pki.issue(ca, ("server",), sans=names, algorithm="ed25519", lifetime=LIFETIME)


def server_context(certificate: pki.CertificateAndKey, clients: bytes | None) -> ssl.SSLContext:
    """Return the TLS settings of a server; *clients* (PEM bundle) makes client certificates mandatory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    load_chain(context, certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    return context


def client_context(ca: bytes, certificate: pki.CertificateAndKey | None = None) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts *ca* (PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=ca.decode())
    if certificate is not None:
        load_chain(context, certificate)
    return context


def load_chain(context: ssl.SSLContext, certificate: pki.CertificateAndKey) -> None:
    """Load certificate and key, through a private file as :mod:`ssl` demands."""
    with tempfile.TemporaryDirectory(prefix="homelab-tls-") as directory:
        path = Path(directory) / "chain.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate.crt + b"\n" + to_standard_label(certificate.key))
        context.load_cert_chain(path)
