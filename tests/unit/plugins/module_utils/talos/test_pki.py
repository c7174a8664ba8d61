# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates have the form that Talos and Kubernetes ask for."""

from __future__ import annotations

import datetime
import random
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.pem import to_standard_label, to_talos_label

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def clock() -> datetime.datetime:
    return NOW


@pytest.fixture(scope="module")
def talos_ca() -> pki.CertificateAndKey:
    return pki.create_ca("ed25519", "talos", clock)


@pytest.fixture(scope="module")
def kubernetes_ca() -> pki.CertificateAndKey:
    return pki.create_ca("ecdsa", "kubernetes", clock)


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_talos_authority_is_ed25519_with_talos_label(talos_ca: pki.CertificateAndKey) -> None:
    certificate = pki.load_certificate(talos_ca.crt)
    assert talos_ca.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----\n")
    assert isinstance(certificate.public_key(), ed25519.Ed25519PublicKey)
    assert certificate.subject.rfc4514_string() == "O=talos"
    assert pki.validity(talos_ca.crt)[1] == NOW + datetime.timedelta(hours=87600)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert key_usage.key_cert_sign
    assert key_usage.digital_signature
    assert usages(certificate) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def test_other_authorities_are_p256_with_sec1_keys(kubernetes_ca: pki.CertificateAndKey) -> None:
    public = pki.load_certificate(kubernetes_ca.crt).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert isinstance(public.curve, ec.SECP256R1)
    assert kubernetes_ca.key.startswith(b"-----BEGIN EC PRIVATE KEY-----\n")


def test_an_authority_without_organization_has_an_empty_subject() -> None:
    assert pki.load_certificate(pki.create_ca("ecdsa", "", clock).crt).subject.rfc4514_string() == ""


def test_a_client_certificate_carries_sorted_roles_and_clientauth_only(talos_ca: pki.CertificateAndKey) -> None:
    client = pki.issue_client(talos_ca, ["os:reader", "os:admin"], DAY, clock)
    certificate = pki.load_certificate(client.crt)
    assert pki.certificate_roles(client.crt) == ["os:admin", "os:reader"]
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert len(certificate.subject.rdns) == 1
    assert certificate.not_valid_after_utc - NOW == DAY
    assert not certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert pki.is_issued_by(client.crt, talos_ca.crt)
    assert pki.key_matches(client.crt, client.key)


def test_openssl_takes_the_client_certificate(talos_ca: pki.CertificateAndKey, tmp_path: Path) -> None:
    client = pki.issue_client(talos_ca, ["os:admin"])
    path = tmp_path / "client.pem"
    path.write_bytes(client.crt + to_standard_label(client.key))
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path)
    path.write_bytes(client.crt + client.key)
    with pytest.raises(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path)


def test_relabelling_goes_both_ways_and_leaves_other_keys_alone(kubernetes_ca: pki.CertificateAndKey) -> None:
    key = pki.generate_key("ed25519")
    assert to_talos_label(to_standard_label(key)) == key
    assert to_standard_label(kubernetes_ca.key) == kubernetes_ca.key
    assert to_talos_label(kubernetes_ca.key) == kubernetes_ca.key


@pytest.mark.parametrize(("roles", "cause"), [(["os:root"], "os:root"), ([], "needs a role")])
def test_unknown_and_missing_roles_are_refused(talos_ca: pki.CertificateAndKey, roles: list[str], cause: str) -> None:
    with pytest.raises(pki.PkiError, match=cause):
        pki.issue_client(talos_ca, roles)


def test_a_lifetime_must_be_positive(talos_ca: pki.CertificateAndKey) -> None:
    with pytest.raises(pki.PkiError, match="positive"):
        pki.issue_client(talos_ca, ["os:admin"], datetime.timedelta(0))


def test_an_authority_without_its_key_issues_nothing(
    talos_ca: pki.CertificateAndKey, kubernetes_ca: pki.CertificateAndKey
) -> None:
    with pytest.raises(pki.PkiError, match="no private key"):
        pki.issue_client(pki.CertificateAndKey(talos_ca.crt, b""), ["os:admin"])
    with pytest.raises(pki.PkiError, match="does not belong"):
        pki.issue_client(pki.CertificateAndKey(talos_ca.crt, kubernetes_ca.key), ["os:admin"])


def test_the_kubeconfig_administrator(kubernetes_ca: pki.CertificateAndKey) -> None:
    certificate = pki.load_certificate(pki.issue_kubernetes_admin(kubernetes_ca, DAY, clock).crt)
    assert certificate.subject.rfc4514_string() == "CN=admin,O=system:masters"
    assert certificate.not_valid_before_utc == NOW - datetime.timedelta(seconds=10)
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_server_certificate_names_addresses_and_hosts(talos_ca: pki.CertificateAndKey) -> None:
    server = pki.issue(talos_ca, ("server",), "cp1", sans=["cp1", "198.18.1.11"], algorithm="ed25519")
    names = pki.load_certificate(server.crt).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["cp1"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["198.18.1.11"]


def test_a_request_is_signed_with_its_names_but_not_with_its_roles(talos_ca: pki.CertificateAndKey) -> None:
    request, key = pki.create_csr("ed25519", "node1", ["os:admin"], ["198.18.1.12"])
    crt = pki.sign_csr(talos_ca, request, ("server",), organizations=())
    assert pki.certificate_roles(crt) == []
    assert pki.key_matches(crt, key)
    assert pki.is_issued_by(crt, talos_ca.crt)
    assert "198.18.1.12" in str(pki.load_certificate(crt).extensions)
    assert pki.certificate_roles(pki.sign_csr(talos_ca, request, ("client",))) == ["os:admin"]


def test_a_request_that_was_tampered_with_is_refused(talos_ca: pki.CertificateAndKey) -> None:
    with pytest.raises(pki.PkiError, match="not readable"):
        pki.sign_csr(talos_ca, b"no request", ("server",))


def test_another_authority_did_not_issue_it(
    talos_ca: pki.CertificateAndKey, kubernetes_ca: pki.CertificateAndKey
) -> None:
    client = pki.issue_client(talos_ca, ["os:admin"])
    assert not pki.is_issued_by(client.crt, kubernetes_ca.crt)
    assert not pki.is_issued_by(client.crt, pki.create_ca("ed25519", "talos").crt)


@pytest.mark.parametrize(
    ("hours", "fraction", "renew"),
    [(0, 1.0, False), (17, 0.29, False), (19, 0.21, True), (24, 0.0, True), (48, 0.0, True)],
)
def test_what_is_left_of_a_lifetime(talos_ca: pki.CertificateAndKey, hours: int, fraction: float, renew: bool) -> None:
    client = pki.issue_client(talos_ca, ["os:admin"], DAY, clock)
    now = NOW + datetime.timedelta(hours=hours)
    assert pki.remaining_fraction(client.crt, now) == pytest.approx(fraction, abs=0.01)
    assert pki.needs_renewal(client.crt, now) is renew


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa"])
def test_equal_randomness_gives_equal_keys(algorithm: pki.Algorithm) -> None:
    first = pki.generate_key(algorithm, random.Random(7).randbytes)
    assert pki.generate_key(algorithm, random.Random(7).randbytes) == first
    assert pki.generate_key(algorithm, random.Random(8).randbytes) != first


def test_an_rsa_key_is_pkcs1() -> None:
    key = pki.generate_rsa_key(2048)
    assert key.startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert b"BEGIN PUBLIC KEY" in pki.public_key_pem(key)
    assert isinstance(pki._load_key(key), rsa.RSAPrivateKey)


def test_secrets_do_not_show_in_the_representation(talos_ca: pki.CertificateAndKey) -> None:
    assert "PRIVATE" not in repr(talos_ca)
