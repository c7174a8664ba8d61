# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates of a Talos cluster.

Talos' own PKI is Ed25519, Kubernetes' and etcd's are ECDSA P-256, the service account key is RSA 4096.
Sources: siderolabs/crypto:x509/x509.go, siderolabs/talos:pkg/machinery/config/generate/secrets/ca.go.

Time comes from an injected clock, the bytes of Ed25519 and ECDSA keys and all serial numbers from an injected source
of randomness; RSA keys use the randomness of the system.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.homelab.talos.plugins.module_utils.talos.libraries import require
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label, to_talos_label

CRYPTOGRAPHY_IMPORT_ERROR: ImportError | None = None
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as _error:
    CRYPTOGRAPHY_IMPORT_ERROR = _error

Clock = Callable[[], datetime.datetime]
RandomBytes = Callable[[int], bytes]
Algorithm = Literal["ed25519", "ecdsa"]
Usage = Literal["server", "client"]

CA_LIFETIME = datetime.timedelta(hours=87600)
CLIENT_LIFETIME = datetime.timedelta(days=1)
RENEW_BELOW = 0.25
BACKDATE = datetime.timedelta(seconds=10)

ROLE_ADMIN = "os:admin"
ROLE_OPERATOR = "os:operator"
ROLE_READER = "os:reader"
ROLE_ETCD_BACKUP = "os:etcd:backup"
ROLE_IMAGE_VERIFIER = "os:image:verifier"
ROLE_META_WRITER = "os:meta:writer"
ROLE_IMPERSONATOR = "os:impersonator"
# siderolabs/talos:pkg/machinery/role/role.go
ROLES: tuple[str, ...] = (
    ROLE_ADMIN,
    ROLE_OPERATOR,
    ROLE_READER,
    ROLE_ETCD_BACKUP,
    ROLE_IMAGE_VERIFIER,
    ROLE_META_WRITER,
    ROLE_IMPERSONATOR,
)


class PkiError(Exception):
    """A key or certificate cannot be made or read; the text is one line and holds no key material."""


@dataclass(frozen=True)
class CertificateAndKey:
    """A PEM certificate and its PEM private key (``key`` is empty where only the certificate is known)."""

    crt: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"CertificateAndKey(crt=<{len(self.crt)} bytes>, key=<hidden>)"


def utc_now() -> datetime.datetime:
    """Return the current time in UTC: the default clock."""
    return datetime.datetime.now(datetime.UTC)


def generate_key(algorithm: Algorithm, random: RandomBytes = os.urandom) -> bytes:
    """Return a new private key as PEM, under the labels Talos uses.

    :param algorithm: ``ed25519`` (label ``ED25519 PRIVATE KEY``) or ``ecdsa`` (P-256, SEC1, ``EC PRIVATE KEY``).
    :param random: source of randomness, called with a number of bytes.
    """
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    if algorithm == "ed25519":
        return _serialize(ed25519.Ed25519PrivateKey.from_private_bytes(random(32)))
    # 40 bytes reduced modulo the order (32 bytes): the bias is below 2**-64.
    order = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
    secret = int.from_bytes(random(40), "big") % (order - 1) + 1
    return _serialize(ec.derive_private_key(secret, ec.SECP256R1()))


def generate_rsa_key(bits: int = 4096) -> bytes:
    """Return a new RSA private key as PKCS#1 PEM, as Talos uses for the service account."""
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    return _serialize(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def create_ca(
    algorithm: Algorithm,
    organization: str,
    clock: Clock = utc_now,
    random: RandomBytes = os.urandom,
    lifetime: datetime.timedelta = CA_LIFETIME,
) -> CertificateAndKey:
    """Create a self-signed certificate authority.

    :param organization: subject O, empty for an empty subject (the aggregator CA has none).
    :param lifetime: validity from now.
    """
    key = generate_key(algorithm, random)
    private = _load_key(key)
    name = _name("", [organization] if organization else [])
    builder = _builder(name, name, private.public_key(), clock(), lifetime, random)
    builder = builder.add_extension(_key_usage(sign=True), critical=True)
    builder = builder.add_extension(_extended_usage(("server", "client")), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    return CertificateAndKey(_certificate_pem(builder.sign(private, _digest(private))), key)


def issue(
    ca: CertificateAndKey,
    usages: Sequence[Usage],
    common_name: str = "",
    organizations: Sequence[str] = (),
    sans: Sequence[str] = (),
    algorithm: Algorithm = "ecdsa",
    lifetime: datetime.timedelta = CLIENT_LIFETIME,
    clock: Clock = utc_now,
    random: RandomBytes = os.urandom,
) -> CertificateAndKey:
    """Issue a leaf certificate with a new key.

    :param ca: the issuing authority, with its key.
    :param usages: extended key usages; Talos' API accepts a client certificate only with exactly ``("client",)``.
    :param sans: subject alternative names; IP addresses are recognised, anything else is a DNS name.
    :raises PkiError: the authority has no key, or key and certificate do not belong together.
    """
    key = generate_key(algorithm, random)
    subject = _name(common_name, organizations)
    public = _load_key(key).public_key()
    return CertificateAndKey(_sign(ca, subject, public, usages, sans, lifetime, clock, random), key)


def issue_client(
    ca: CertificateAndKey,
    roles: Sequence[str],
    lifetime: datetime.timedelta = CLIENT_LIFETIME,
    clock: Clock = utc_now,
    random: RandomBytes = os.urandom,
) -> CertificateAndKey:
    """Issue a Talos API client certificate: Ed25519, O = the sorted roles, clientAuth only.

    Source: siderolabs/talos:pkg/machinery/config/generate/secrets/bundle.go.

    :param ca: Talos' own CA (``certs.os`` of the secrets bundle).
    :param roles: at least one of :data:`ROLES`.
    :raises PkiError: a role is unknown, none is given, or ``lifetime`` is not positive.
    """
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        raise PkiError(f"role {unknown[0]!r} is unknown; use some of {', '.join(ROLES)}")
    if not roles:
        raise PkiError(f"a client certificate needs a role; use some of {', '.join(ROLES)}")
    return issue(
        ca,
        ("client",),
        organizations=sorted(set(roles)),
        algorithm="ed25519",
        lifetime=lifetime,
        clock=clock,
        random=random,
    )


def issue_kubernetes_admin(
    ca: CertificateAndKey,
    lifetime: datetime.timedelta = CLIENT_LIFETIME,
    clock: Clock = utc_now,
    random: RandomBytes = os.urandom,
) -> CertificateAndKey:
    """Issue the administrator of a kubeconfig: ECDSA P-256, CN=admin, O=system:masters, clientAuth.

    Source: siderolabs/talos:pkg/kubeconfig/generate.go.
    """
    return issue(ca, ("client",), "admin", ("system:masters",), lifetime=lifetime, clock=clock, random=random)


def create_csr(
    algorithm: Algorithm,
    common_name: str = "",
    organizations: Sequence[str] = (),
    sans: Sequence[str] = (),
    random: RandomBytes = os.urandom,
) -> tuple[bytes, bytes]:
    """Return ``(csr, key)`` as PEM: a certificate signing request and the new key that signed it."""
    key = generate_key(algorithm, random)
    private = _load_key(key)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name, organizations))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(_general_names(sans)), critical=False)
    return builder.sign(private, _digest(private)).public_bytes(serialization.Encoding.PEM), key


def sign_csr(
    ca: CertificateAndKey,
    csr: bytes,
    usages: Sequence[Usage],
    lifetime: datetime.timedelta = CLIENT_LIFETIME,
    clock: Clock = utc_now,
    random: RandomBytes = os.urandom,
    organizations: Sequence[str] | None = None,
) -> bytes:
    """Sign a request and return the certificate as PEM; subject and SANs are those of the request.

    :param organizations: when given, replaces the organizations of the request (so that a requester cannot choose
        its own roles).
    :raises PkiError: the request is not readable or its signature does not fit.
    """
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    try:
        request = x509.load_pem_x509_csr(csr)
    except ValueError as error:
        raise PkiError("certificate signing request is not readable PEM") from error
    if not request.is_signature_valid:
        raise PkiError("certificate signing request has a wrong signature")
    subject = request.subject
    if organizations is not None:
        names = [str(item.value) for item in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        subject = _name(names[0] if names else "", organizations)
    return _sign(ca, subject, request.public_key(), usages, _request_sans(request), lifetime, clock, random)


def certificate_roles(crt: bytes) -> list[str]:
    """Return the subject organizations of a PEM certificate, sorted: Talos' roles of a client."""
    attributes = load_certificate(crt).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return sorted(str(attribute.value) for attribute in attributes)


def validity(crt: bytes) -> tuple[datetime.datetime, datetime.datetime]:
    """Return ``(not_before, not_after)`` of a PEM certificate, both in UTC."""
    certificate = load_certificate(crt)
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = datetime.UTC
    return certificate.not_valid_before.replace(tzinfo=utc), certificate.not_valid_after.replace(tzinfo=utc)


def remaining_fraction(crt: bytes, now: datetime.datetime) -> float:
    """Return the part of the certificate's lifetime that is left, between 0.0 (expired) and 1.0 (new)."""
    not_before, not_after = validity(crt)
    total = (not_after - not_before).total_seconds()
    left = (not_after - now).total_seconds()
    if total <= 0:
        return 0.0
    return min(1.0, max(0.0, left / total))


def needs_renewal(crt: bytes, now: datetime.datetime, below: float = RENEW_BELOW) -> bool:
    """Return whether less than ``below`` of the lifetime is left."""
    return remaining_fraction(crt, now) < below


def is_issued_by(crt: bytes, ca: bytes) -> bool:
    """Return whether the PEM certificate ``crt`` carries a valid signature of the PEM authority ``ca``."""
    try:
        load_certificate(crt).verify_directly_issued_by(load_certificate(ca))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def key_matches(crt: bytes, key: bytes) -> bool:
    """Return whether the PEM private key belongs to the PEM certificate."""
    return _public_bytes(load_certificate(crt).public_key()) == _public_bytes(_load_key(key).public_key())


def load_certificate(crt: bytes) -> x509.Certificate:
    """Load a PEM certificate.

    :raises PkiError: it is not readable.
    """
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    try:
        return x509.load_pem_x509_certificate(crt)
    except ValueError as error:
        raise PkiError("certificate is not readable PEM") from error


def check_key(key: bytes) -> None:
    """Do nothing when ``key`` is a readable PEM private key.

    :raises PkiError: it is not.
    """
    _load_key(key)


def public_key_pem(key: bytes) -> bytes:
    """Return the public half of a PEM private key as PEM (PKIX)."""
    return (
        _load_key(key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _sign(
    ca: CertificateAndKey,
    subject: x509.Name,
    public_key: Any,
    usages: Sequence[str],
    sans: Sequence[str],
    lifetime: datetime.timedelta,
    clock: Clock,
    random: RandomBytes,
) -> bytes:
    if lifetime <= datetime.timedelta(0):
        raise PkiError("certificate lifetime must be positive")
    if not ca.key:
        raise PkiError("certificate authority has no private key; use a secrets bundle that holds it")
    if not key_matches(ca.crt, ca.key):
        raise PkiError("private key of the certificate authority does not belong to its certificate")
    authority, private = load_certificate(ca.crt), _load_key(ca.key)
    builder = _builder(authority.subject, subject, public_key, clock(), lifetime, random)
    agreement = not isinstance(public_key, ed25519.Ed25519PublicKey)
    builder = builder.add_extension(_key_usage(sign=False, encipher=agreement), critical=True)
    builder = builder.add_extension(_extended_usage(usages), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_authority_key_identifier(authority), critical=False)
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(_general_names(sans)), critical=False)
    return _certificate_pem(builder.sign(private, _digest(private)))


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    public_key: Any,
    now: datetime.datetime,
    lifetime: datetime.timedelta,
    random: RandomBytes,
) -> x509.CertificateBuilder:
    serial = int.from_bytes(random(16), "big") >> 1 or 1
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _authority_key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    """Build a subject as Go does: all organizations in one relative distinguished name, then the common name."""
    parts = []
    if organizations:
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
        parts.append(x509.RelativeDistinguishedName(attributes))
    if common_name:
        parts.append(x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
    return x509.Name(parts)


def _general_names(sans: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for san in sans:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(san)))
        except ValueError:
            names.append(x509.DNSName(san))
    return names


def _request_sans(request: x509.CertificateSigningRequest) -> list[str]:
    try:
        value = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(item.value) for item in value if isinstance(item, (x509.DNSName, x509.IPAddress))]


def _key_usage(sign: bool, encipher: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign,
        key_encipherment=encipher,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _extended_usage(usages: Sequence[str]) -> x509.ExtendedKeyUsage:
    known = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
    return x509.ExtendedKeyUsage([known[usage] for usage in usages])


def _digest(private: Any) -> hashes.SHA256 | None:
    return None if isinstance(private, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _load_key(key: bytes) -> Any:
    require("cryptography", CRYPTOGRAPHY_IMPORT_ERROR)
    try:
        return serialization.load_pem_private_key(to_standard_label(key), password=None)
    except (ValueError, TypeError) as error:
        raise PkiError("private key is not readable PEM") from error


def _serialize(private: Any) -> bytes:
    talos = isinstance(private, ed25519.Ed25519PrivateKey)
    form = serialization.PrivateFormat.PKCS8 if talos else serialization.PrivateFormat.TraditionalOpenSSL
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return to_talos_label(pem) if talos else pem


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _public_bytes(public: Any) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
