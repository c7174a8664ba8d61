# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is calling: the client certificate behind a connection.

Source: siderolabs/talos:pkg/grpc/middleware/authz/injector.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import authorization


@dataclass(frozen=True)
class Identity:
    """The peer of a connection; ``organizations`` is empty without client certificate."""

    address: str
    organizations: tuple[str, ...]

    @classmethod
    def of(cls, peer: Any) -> Identity:
        """Return the identity behind a grpclib peer."""
        transport = peer._transport
        address = transport.get_extra_info("peername") or ("",)
        return cls(address[0], tuple(organizations(client_certificate(transport))))

    def roles(self, metadata: MultiDict[str] | None, maintenance: bool) -> frozenset[str]:
        """Return the effective roles; everybody is a reader in maintenance."""
        if maintenance:
            return frozenset({authorization.READER})
        claimed = metadata.getall("talos-role", []) if metadata is not None else []
        return authorization.effective_roles(self.organizations, claimed)


def client_certificate(transport: Any) -> x509.Certificate | None:
    """Return the verified certificate of the client, None without one."""
    tls = transport.get_extra_info("ssl_object")
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return x509.load_der_x509_certificate(der) if der else None


def organizations(certificate: x509.Certificate | None) -> list[str]:
    """Return the subject organizations of a certificate."""
    if certificate is None:
        return []
    return [str(value.value) for value in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def is_only_client(certificate: x509.Certificate) -> bool:
    """Return whether the extended key usage is exactly clientAuth, as Talos demands of its clients."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
