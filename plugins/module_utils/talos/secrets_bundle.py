# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets bundle of a cluster: generate, check, read, write, adopt.

The schema is that of ``talosctl gen secrets`` (``secrets.yaml``), so that bundles can be exchanged with talosctl.
Source: siderolabs/talos:pkg/machinery/config/generate/secrets/bundle.go.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, yaml_text

Bundle = dict[str, Any]

_AUTHORITIES = ("etcd", "k8s", "k8saggregator", "os")
_TOKEN_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_ETCD_SECRETS = ("secretboxencryptionsecret", "aescbcencryptionsecret")
_SCHEMA: Mapping[str, Any] = {
    "cluster": {"id", "secret"},
    "secrets": {"bootstraptoken", "secretboxencryptionsecret", "aescbcencryptionsecret"},
    "trustdinfo": {"token"},
    "certs": {"etcd", "k8s", "k8saggregator", "k8sserviceaccount", "os"},
}
# Where a control plane's v1alpha1 document holds each value of the bundle.
_ADOPTED: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = (
    (("cluster", "id"), ("cluster", "id")),
    (("cluster", "secret"), ("cluster", "secret")),
    (("secrets", "bootstraptoken"), ("cluster", "token")),
    (("secrets", "secretboxencryptionsecret"), ("cluster", "secretboxEncryptionSecret")),
    (("secrets", "aescbcencryptionsecret"), ("cluster", "aescbcEncryptionSecret")),
    (("trustdinfo", "token"), ("machine", "token")),
    (("certs", "etcd", "crt"), ("cluster", "etcd", "ca", "crt")),
    (("certs", "etcd", "key"), ("cluster", "etcd", "ca", "key")),
    (("certs", "k8s", "crt"), ("cluster", "ca", "crt")),
    (("certs", "k8s", "key"), ("cluster", "ca", "key")),
    (("certs", "k8saggregator", "crt"), ("cluster", "aggregatorCA", "crt")),
    (("certs", "k8saggregator", "key"), ("cluster", "aggregatorCA", "key")),
    (("certs", "k8sserviceaccount", "key"), ("cluster", "serviceAccount", "key")),
    (("certs", "os", "crt"), ("machine", "ca", "crt")),
    (("certs", "os", "key"), ("machine", "ca", "key")),
)


class SecretsBundleError(Exception):
    """A bundle cannot be read, checked or adopted; one line with origin, cause and remedy, never a secret."""


def generate(
    clock: pki.Clock = pki.utc_now,
    random: pki.RandomBytes = os.urandom,
    service_account_bits: int = 4096,
) -> Bundle:
    """Return a new bundle.

    :param clock: returns the moment the authorities become valid.
    :param random: source of randomness for tokens, Ed25519 and ECDSA keys; the RSA key uses that of the system.
    :param service_account_bits: size of the service account key; anything but 4096 is for tests.
    """
    return {
        "cluster": {
            "id": base64.urlsafe_b64encode(random(32)).decode("ascii"),
            "secret": base64.b64encode(random(32)).decode("ascii"),
        },
        "secrets": {
            "bootstraptoken": _token(random),
            "secretboxencryptionsecret": base64.b64encode(random(32)).decode("ascii"),
        },
        "trustdinfo": {"token": _token(random)},
        "certs": {
            "etcd": _encode(pki.create_ca("ecdsa", "etcd", clock, random)),
            "k8s": _encode(pki.create_ca("ecdsa", "kubernetes", clock, random)),
            "k8saggregator": _encode(pki.create_ca("ecdsa", "", clock, random)),
            "k8sserviceaccount": {"key": _b64(pki.generate_rsa_key(service_account_bits))},
            "os": _encode(pki.create_ca("ed25519", "talos", clock, random)),
        },
    }


def load(text: str, source: str = "secrets bundle") -> Bundle:
    """Read a bundle and check it.

    :param source: file name or other origin, for the error.
    :raises SecretsBundleError: the YAML is broken or the bundle is not complete.
    """
    try:
        documents = yaml_text.load_all(text, source)
    except yaml_text.YamlError as error:
        raise SecretsBundleError(f"{source}:{error.line}: not readable as YAML; restore the file") from None
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise SecretsBundleError(f"{source}: holds no secrets bundle; it must be one mapping as talosctl writes it")
    findings = [finding for finding in validate(documents[0]) if finding.severity == "error"]
    if findings:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise SecretsBundleError(f"{source}: {findings[0].message}{more}; restore the file from a backup")
    return documents[0]


def dump(bundle: Bundle) -> str:
    """Return the bundle as the text of a ``secrets.yaml``."""
    return yaml_text.dump(bundle)


def validate(bundle: Mapping[str, Any]) -> list[Finding]:
    """Judge a bundle, with Talos' own messages; no message holds a secret.

    Source: siderolabs/talos:pkg/machinery/config/generate/secrets/bundle.go (Validate).
    """
    findings: list[Finding] = []
    for section, keys in _SCHEMA.items():
        value = bundle.get(section)
        if not value:
            findings.append(_missing(section))
        elif not isinstance(value, Mapping):
            findings.append(_finding(section, f"{section} is invalid: expected a mapping"))
        else:
            findings.extend(_unknown(f"{section}.{key}") for key in value if key not in keys)
    findings.extend(_unknown(section) for section in bundle if section not in _SCHEMA)
    findings.extend(_validate_values(bundle))
    findings.extend(_validate_certs(bundle))
    return findings


def authority(bundle: Mapping[str, Any], name: str) -> pki.CertificateAndKey:
    """Return an authority of the bundle as PEM.

    :param name: ``os``, ``k8s``, ``k8saggregator`` or ``etcd``.
    :raises SecretsBundleError: the bundle has no readable authority of that name.
    """
    pair = _section(_section(bundle, "certs"), name)
    try:
        return pki.CertificateAndKey(_decode(pair["crt"]), _decode(pair["key"]))
    except (KeyError, ValueError, TypeError):
        raise SecretsBundleError(f"secrets bundle: certs.{name} is not readable; restore the bundle") from None


def issue_client(
    bundle: Mapping[str, Any],
    roles: Sequence[str] = (pki.ROLE_ADMIN,),
    lifetime: datetime.timedelta = pki.CLIENT_LIFETIME,
    clock: pki.Clock = pki.utc_now,
    random: pki.RandomBytes = os.urandom,
) -> pki.CertificateAndKey:
    """Issue a Talos API client certificate from the bundle's own CA.

    :raises SecretsBundleError: the bundle has no CA.
    :raises pki.PkiError: a role is unknown or the lifetime is not positive.
    """
    return pki.issue_client(authority(bundle, "os"), roles, lifetime, clock, random)


def issue_kubernetes_admin(
    bundle: Mapping[str, Any],
    lifetime: datetime.timedelta = pki.CLIENT_LIFETIME,
    clock: pki.Clock = pki.utc_now,
    random: pki.RandomBytes = os.urandom,
) -> pki.CertificateAndKey:
    """Issue the administrator's certificate of a kubeconfig from the bundle's Kubernetes CA."""
    return pki.issue_kubernetes_admin(authority(bundle, "k8s"), lifetime, clock, random)


def adopt_from_controlplane_config(
    documents: Iterable[Mapping[str, Any]], source: str = "machine configuration"
) -> Bundle:
    """Take the bundle of a running cluster out of a control plane's machine configuration.

    Source: siderolabs/talos:pkg/machinery/config/generate/secrets/bundle.go (NewBundleFromConfig).

    :param documents: the documents of a control plane's configuration.
    :raises SecretsBundleError: it is no control plane's configuration, or a value is missing.
    """
    legacy = next((document for document in documents if "kind" not in document), None)
    if legacy is None:
        raise SecretsBundleError(f"{source}: has no v1alpha1 document; use the configuration of a control plane")
    if _at(legacy, ("machine", "type")) not in ("controlplane", "init"):
        raise SecretsBundleError(f"{source}: is not of a control plane; only those hold all keys of the cluster")
    bundle: Bundle = {}
    for target, origin in _ADOPTED:
        value = _at(legacy, origin)
        if value:
            _put(bundle, target, value)
    findings = [finding for finding in validate(bundle) if finding.severity == "error"]
    if findings:
        raise SecretsBundleError(f"{source}: {findings[0].message}; use the configuration of a control plane")
    return bundle


def _validate_values(bundle: Mapping[str, Any]) -> Iterable[Finding]:
    for section, key in (
        ("cluster", "id"),
        ("cluster", "secret"),
        ("secrets", "bootstraptoken"),
        ("trustdinfo", "token"),
    ):
        if bundle.get(section) and not _section(bundle, section).get(key):
            yield _missing(f"{section}.{key}")
    given = [key for key in _ETCD_SECRETS if _section(bundle, "secrets").get(key)]
    names = ", ".join(f"secrets.{key}" for key in _ETCD_SECRETS)
    if bundle.get("secrets") and not given:
        yield _finding("secrets", f"one of [{names}] is required")
    if len(given) > 1:
        yield _finding("secrets", f"only one of [{names}] is allowed")


def _validate_certs(bundle: Mapping[str, Any]) -> Iterable[Finding]:
    certs = _section(bundle, "certs")
    if not certs:
        return
    for name in _AUTHORITIES:
        path = f"certs.{name}"
        if not certs.get(name):
            yield _missing(path)
            continue
        reason = _authority_fault(_section(certs, name))
        if reason:
            yield _finding(path, f"{path} is invalid: {reason}")
    if not _section(certs, "k8sserviceaccount").get("key"):
        yield _missing("certs.k8sserviceaccount")
        return
    try:
        pki.check_key(_decode(certs["k8sserviceaccount"]["key"]))
    except (ValueError, TypeError, pki.PkiError):
        yield _finding("certs.k8sserviceaccount", "certs.k8sserviceaccount is invalid: key is not readable")


def _authority_fault(pair: Mapping[str, Any]) -> str:
    for part in ("crt", "key"):
        if not pair.get(part):
            return f"{part} is missing"
    try:
        crt, key = _decode(pair["crt"]), _decode(pair["key"])
    except (ValueError, TypeError):
        return "value is not base64"
    try:
        return "" if pki.key_matches(crt, key) else "key does not belong to the certificate"
    except pki.PkiError as error:
        return str(error)


def _missing(path: str) -> Finding:
    return _finding(path, f"{path} is required")


def _unknown(path: str) -> Finding:
    return _finding(path, f"{path} is unknown")


def _finding(path: str, message: str) -> Finding:
    return Finding("secrets.bundle", "error", message, path=path, fix="restore the bundle", layer="config")


def _token(random: pki.RandomBytes) -> str:
    """Return a token of the form ``[a-z0-9]{6}.[a-z0-9]{16}``, every character equally likely."""
    characters: list[str] = []
    while len(characters) < 22:
        limit = 256 - 256 % len(_TOKEN_ALPHABET)
        characters.extend(_TOKEN_ALPHABET[byte % len(_TOKEN_ALPHABET)] for byte in random(32) if byte < limit)
    return "".join(characters[:6]) + "." + "".join(characters[6:22])


def _encode(pair: pki.CertificateAndKey) -> dict[str, str]:
    return {"crt": _b64(pair.crt), "key": _b64(pair.key)}


def _b64(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")


def _decode(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _section(mapping: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = mapping.get(key)
    return value if isinstance(value, Mapping) else {}


def _at(document: Mapping[str, Any], path: Sequence[str]) -> Any | None:
    here: Any = document
    for key in path:
        if not isinstance(here, Mapping):
            return None
        here = here.get(key)
    return here


def _put(bundle: Bundle, path: Sequence[str], value: Any) -> None:
    here = bundle
    for key in path[:-1]:
        here = here.setdefault(key, {})
    here[path[-1]] = value
