# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 certificates like those of a Talos cluster, made with `cryptography` alone."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_talos_label
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    """Return the current time in UTC."""
    return datetime.datetime.now(datetime.UTC)


class Authority:
    """A CA and what it signs. All results are PEM; keys carry the label Talos writes."""

    def __init__(self, organization: str = "talos") -> None:
        self._key = Ed25519PrivateKey.generate()
        self._name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
        builder = _builder(self._name, self._name, self._key, now() - DAY, now() + 365 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = builder.sign(self._key, None).public_bytes(Encoding.PEM)

    def server(
        self, *, addresses: Sequence[str] = ("127.0.0.1",), common_name: str | None = "cp1"
    ) -> tuple[bytes, bytes]:
        """Return (certificate, key) of a node; without `common_name` the subject is empty (maintenance mode)."""
        subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        sans = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return self._issue(subject, ExtendedKeyUsageOID.SERVER_AUTH, now() - DAY, now() + DAY, sans)

    def client(
        self,
        roles: Sequence[str] = ("os:admin",),
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> Credentials:
        """Return what a talosconfig for these roles holds."""
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, role) for role in roles]
        begin, end = not_before or now() - DAY, not_after or now() + DAY
        crt, key = self._issue(subject, ExtendedKeyUsageOID.CLIENT_AUTH, begin, end, [])
        return Credentials(ca=self.pem, crt=crt, key=key)

    def _issue(
        self,
        subject: list[x509.NameAttribute[str]],
        usage: x509.ObjectIdentifier,
        begin: datetime.datetime,
        end: datetime.datetime,
        sans: list[x509.IPAddress],
    ) -> tuple[bytes, bytes]:
        key = Ed25519PrivateKey.generate()
        builder = _builder(self._name, x509.Name(subject), key, begin, end)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
        certificate = builder.sign(self._key, None).public_bytes(Encoding.PEM)
        return certificate, to_talos_label(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _builder(
    issuer: x509.Name, subject: x509.Name, key: Ed25519PrivateKey, begin: datetime.datetime, end: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
