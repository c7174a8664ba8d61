# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets bundle is talosctl's, complete, and never partly broken."""

from __future__ import annotations

import base64
import copy
import datetime
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.tests.support import definitions

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
TOKEN = re.compile(r"^[a-z0-9]{6}\.[a-z0-9]{16}$")


def new_bundle(seed: int = 1) -> secrets_bundle.Bundle:
    return secrets_bundle.generate(lambda: NOW, random.Random(seed).randbytes, service_account_bits=2048)


@pytest.fixture(scope="module")
def bundle() -> secrets_bundle.Bundle:
    return new_bundle()


def messages(data: Any) -> list[str]:
    return [finding.message for finding in secrets_bundle.validate(data)]


def test_a_new_bundle_is_valid_and_has_the_forms_of_talosctl(bundle: secrets_bundle.Bundle) -> None:
    assert messages(bundle) == []
    assert list(bundle) == ["cluster", "secrets", "trustdinfo", "certs"]
    assert list(bundle["certs"]) == ["etcd", "k8s", "k8saggregator", "k8sserviceaccount", "os"]
    assert TOKEN.match(bundle["trustdinfo"]["token"])
    assert TOKEN.match(bundle["secrets"]["bootstraptoken"])
    assert len(base64.urlsafe_b64decode(bundle["cluster"]["id"])) == 32
    assert len(base64.b64decode(bundle["secrets"]["secretboxencryptionsecret"])) == 32


def test_the_authorities_have_their_names(bundle: secrets_bundle.Bundle) -> None:
    names = {
        name: pki.load_certificate(secrets_bundle.authority(bundle, name).crt).subject.rfc4514_string()
        for name in ("os", "k8s", "k8saggregator", "etcd")
    }
    assert names == {"os": "O=talos", "k8s": "O=kubernetes", "k8saggregator": "", "etcd": "O=etcd"}
    account = base64.b64decode(bundle["certs"]["k8sserviceaccount"]["key"])
    assert account.startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_dump_and_load_keep_everything(bundle: secrets_bundle.Bundle) -> None:
    text = secrets_bundle.dump(bundle)
    assert secrets_bundle.load(text) == bundle
    assert secrets_bundle.dump(secrets_bundle.load(text)) == text


def test_two_bundles_differ(bundle: secrets_bundle.Bundle) -> None:
    other = new_bundle(2)
    assert other["trustdinfo"] != bundle["trustdinfo"]
    assert other["certs"]["os"] != bundle["certs"]["os"]


Change = Callable[[dict[str, Any]], Any]

BROKEN: list[tuple[str, Change]] = [
    ("cluster is required", lambda data: data.pop("cluster")),
    ("cluster.id is required", lambda data: data["cluster"].pop("id")),
    ("cluster.secret is required", lambda data: data["cluster"].update(secret="")),
    ("secrets is required", lambda data: data.pop("secrets")),
    ("secrets.bootstraptoken is required", lambda data: data["secrets"].pop("bootstraptoken")),
    ("trustdinfo is required", lambda data: data.pop("trustdinfo")),
    ("trustdinfo.token is required", lambda data: data["trustdinfo"].update(token=None, x=1)),
    ("certs is required", lambda data: data.pop("certs")),
    ("certs.etcd is required", lambda data: data["certs"].pop("etcd")),
    ("certs.os is required", lambda data: data["certs"].pop("os")),
    ("certs.k8sserviceaccount is required", lambda data: data["certs"].pop("k8sserviceaccount")),
    ("certs.k8s is invalid: key is missing", lambda data: data["certs"]["k8s"].pop("key")),
    ("certs.k8s is invalid: value is not base64", lambda data: data["certs"]["k8s"].update(crt="%%")),
    (
        "certs.k8s is invalid: key does not belong to the certificate",
        lambda data: data["certs"]["k8s"].update(key=data["certs"]["etcd"]["key"]),
    ),
    ("certs.k8s is invalid: certificate is not readable PEM", lambda data: data["certs"]["k8s"].update(crt="AAAA")),
    (
        "one of [secrets.secretboxencryptionsecret, secrets.aescbcencryptionsecret] is required",
        lambda data: data["secrets"].pop("secretboxencryptionsecret"),
    ),
    (
        "only one of [secrets.secretboxencryptionsecret, secrets.aescbcencryptionsecret] is allowed",
        lambda data: data["secrets"].update(aescbcencryptionsecret="x"),
    ),
    ("secrets.bootstrapToken is unknown", lambda data: data["secrets"].update(bootstrapToken="x")),
    ("extra is unknown", lambda data: data.update(extra=1)),
    ("cluster is invalid: expected a mapping", lambda data: data.update(cluster="x")),
    (
        "certs.k8sserviceaccount is invalid: key is not readable",
        lambda data: data["certs"]["k8sserviceaccount"].update(key="AAAA"),
    ),
]


@pytest.mark.parametrize(("message", "change"), BROKEN, ids=[message for message, _change in BROKEN])
def test_a_broken_bundle_is_judged(bundle: secrets_bundle.Bundle, message: str, change: Change) -> None:
    data = copy.deepcopy(bundle)
    change(data)
    assert message in messages(data)
    with pytest.raises(secrets_bundle.SecretsBundleError) as error:
        secrets_bundle.load(secrets_bundle.dump(data), "secrets.yaml")
    assert str(error.value).startswith("secrets.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "a: [", "- a\n", "a: 1\n---\nb: 2\n", "{token: s3cr3t"])
def test_what_is_no_bundle_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(secrets_bundle.SecretsBundleError, match=r"^secrets\.yaml") as error:
        secrets_bundle.load(text, "secrets.yaml")
    assert "s3cr3t" not in str(error.value)


def test_a_bundle_is_adopted_from_a_control_plane(bundle: secrets_bundle.Bundle) -> None:
    config = render(definitions.cluster(), definitions.node("cp1"), bundle)
    assert secrets_bundle.adopt_from_controlplane_config(config.documents) == bundle


def test_a_worker_has_no_bundle_to_adopt(bundle: secrets_bundle.Bundle) -> None:
    config = render(definitions.cluster(), definitions.node("node1"), bundle)
    with pytest.raises(secrets_bundle.SecretsBundleError, match="not of a control plane"):
        secrets_bundle.adopt_from_controlplane_config(config.documents)
    with pytest.raises(secrets_bundle.SecretsBundleError, match="no v1alpha1 document"):
        secrets_bundle.adopt_from_controlplane_config([{"kind": "LinkConfig"}])


def test_an_incomplete_control_plane_is_not_adopted(bundle: secrets_bundle.Bundle) -> None:
    config = render(definitions.cluster(), definitions.node("cp1"), bundle)
    del config.v1alpha1["cluster"]["etcd"]
    with pytest.raises(secrets_bundle.SecretsBundleError, match="certs.etcd is required"):
        secrets_bundle.adopt_from_controlplane_config(config.documents)


def test_clients_come_from_the_right_authority(bundle: secrets_bundle.Bundle) -> None:
    client = secrets_bundle.issue_client(bundle, ["os:reader"], clock=lambda: NOW)
    admin = secrets_bundle.issue_kubernetes_admin(bundle, clock=lambda: NOW)
    assert pki.is_issued_by(client.crt, secrets_bundle.authority(bundle, "os").crt)
    assert pki.is_issued_by(admin.crt, secrets_bundle.authority(bundle, "k8s").crt)
    assert pki.remaining_fraction(client.crt, NOW + datetime.timedelta(hours=12)) == pytest.approx(0.5, abs=0.01)
    assert pki.remaining_fraction(client.crt, NOW + datetime.timedelta(days=2)) == 0.0


def test_an_authority_that_is_not_there(bundle: secrets_bundle.Bundle) -> None:
    with pytest.raises(secrets_bundle.SecretsBundleError, match="certs.os is not readable"):
        secrets_bundle.authority({"certs": {}}, "os")
