# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushing to and pulling from a registry on loopback, over TLS, and what is said when that does not work."""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.spin.artifact import Artifact, Blob, pack
from ansible_collections.homelab.talos.plugins.module_utils.spin.content import AppContent
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import (
    ArtifactInvalid,
    ReferenceInvalid,
    RegistryError,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest_reading import load_manifest
from ansible_collections.homelab.talos.plugins.module_utils.spin.reference import parse_reference
from ansible_collections.homelab.talos.plugins.module_utils.spin.registry import Registry
from ansible_collections.homelab.talos.plugins.module_utils.spin.registry_session import RegistryAccess
from ansible_collections.homelab.talos.tests.support.oci_registry import PASSWORD, USER, OciRegistry, serve
from ansible_collections.homelab.talos.tests.support.spin_app import write_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    directory = write_app(tmp_path_factory.mktemp("app"))
    manifest = load_manifest(directory)
    return pack(manifest, AppContent(manifest, directory, fetch=lambda url: b""))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[OciRegistry]:
    with serve(OciRegistry(), tmp_path) as running:
        yield running


def open_registry(served: OciRegistry, version: str = ":1.0", **access: Any) -> Registry:
    given = {"ca_file": str(served.ca_file) if served.ca_file else "", "timeout": 10.0, **access}
    reference = parse_reference(f"{served.host}/apps/nonce{version}")
    return Registry(reference, RegistryAccess(**given), pause=lambda seconds: None)


def refusal(registry: Registry, artifact: Artifact | None = None) -> str:
    act = registry.pull if artifact is None else functools.partial(registry.push, artifact)
    with registry, pytest.raises((RegistryError, ArtifactInvalid)) as error:
        act()
    assert len(str(error.value).splitlines()) == 1
    assert PASSWORD not in str(error.value)
    return str(error.value)


def test_what_is_pushed_is_what_is_pulled(served: OciRegistry, app: Artifact) -> None:
    with open_registry(served) as registry:
        assert registry.digest() == ""
        assert registry.push(app)
        assert registry.digest() == app.digest
        pulled = registry.pull()
    assert pulled.manifest == app.manifest
    assert [layer.data for layer in pulled.layers] == [layer.data for layer in app.layers]
    with open_registry(served, f"@{app.digest}") as registry:
        assert registry.pull().digest == app.digest


def test_pushing_it_again_sends_nothing(served: OciRegistry, app: Artifact) -> None:
    with open_registry(served) as registry:
        assert registry.push(app)
        served.requests.clear()
        assert not registry.push(app)
    assert served.requests == ["HEAD /v2/apps/nonce/manifests/1.0"]


def test_a_new_tag_uploads_no_layer_again(served: OciRegistry, app: Artifact) -> None:
    with open_registry(served) as registry:
        registry.push(app)
    before = served.uploads()
    with open_registry(served, ":2.0") as registry:
        assert registry.push(app)
    assert (served.uploads(), before) == (before, len(app.layers) + 1)


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_a_registry_that_wants_to_know_who_we_are(tmp_path: Path, app: Artifact, login: Any) -> None:
    with serve(OciRegistry(login=login), tmp_path) as served:
        with open_registry(served, username=USER, password=PASSWORD) as registry:
            assert registry.push(app)
            assert registry.pull().digest == app.digest
        assert "does not accept the user name and password" in refusal(
            open_registry(served, username=USER, password="wrong"), app
        )
        assert "asks for a user name" in refusal(open_registry(served), app)


def test_without_its_authority(served: OciRegistry, app: Artifact) -> None:
    text = refusal(open_registry(served, ca_file=""), app)
    assert "has a certificate that is not trusted" in text
    assert "give the file of its authority" in text


def test_a_certificate_for_another_name(tmp_path: Path, app: Artifact) -> None:
    with serve(OciRegistry(), tmp_path, name="192.0.2.1") as served:
        assert "has a certificate for another name; use the name" in refusal(open_registry(served), app)


def test_plain_http_only_when_asked_for(tmp_path: Path, app: Artifact) -> None:
    with serve(OciRegistry(), tmp_path, tls=False) as served:
        assert "does not speak TLS; ask for plain HTTP" in refusal(open_registry(served), app)
        with open_registry(served, plain_http=True) as registry:
            assert registry.push(app)


def test_a_registry_that_is_away(app: Artifact) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    waited: list[float] = []
    reference = parse_reference(f"{host}/apps/nonce:1.0")
    registry = Registry(reference, RegistryAccess(timeout=5), pause=waited.append)
    assert f"registry {host}: cannot be reached: Connection refused; check that it runs" in refusal(registry, app)
    assert waited == [0.5, 1.0], "tries are bounded"


def test_a_registry_that_is_busy_for_a_moment(served: OciRegistry, app: Artifact) -> None:
    served.busy = 2
    with open_registry(served) as registry:
        assert registry.push(app)
    served.busy = 3
    assert "is refused: 503" in refusal(open_registry(served, ":2.0"), app)


def test_what_is_not_there(served: OciRegistry) -> None:
    assert "apps/nonce:1.0: is not there (manifest unknown: 1.0); check the name, or push it" in refusal(
        open_registry(served)
    )


def test_content_that_is_not_what_its_digest_says(served: OciRegistry, app: Artifact) -> None:
    with open_registry(served) as registry:
        registry.push(app)
    served.other_blob = b"something else"
    assert "the registry sent 14 bytes with the digest sha256:" in refusal(open_registry(served))


def test_a_manifest_under_the_digest_of_another(served: OciRegistry, app: Artifact) -> None:
    with open_registry(served) as registry:
        registry.push(app)
    other = "sha256:" + "1" * 64
    served.manifests[f"/v2/apps/nonce/manifests/{other}"] = served.manifests["/v2/apps/nonce/manifests/1.0"]
    assert f"the registry sent {app.digest}; do not use" in refusal(open_registry(served, f"@{other}"))


def test_an_image_that_is_no_spin_application(served: OciRegistry, app: Artifact) -> None:
    layer = Blob("application/vnd.oci.image.layer.v1.tar+gzip", b"layer of a container")
    with open_registry(served) as registry:
        registry.push(Artifact(app.config, (layer,)))
    text = refusal(open_registry(served))
    assert "is no Spin application (its layers are application/vnd.oci.image.layer.v1.tar+gzip)" in text


def test_an_application_is_not_pushed_under_the_digest_of_another(served: OciRegistry, app: Artifact) -> None:
    other = "sha256:" + "1" * 64
    assert f"the application has the digest {app.digest}" in refusal(open_registry(served, f"@{other}"), app)
    assert served.requests == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("registry.lab:5000/apps/nonce:1.0", ("registry.lab:5000", "apps/nonce", "1.0", "")),
        ("localhost/nonce:a_b-c", ("localhost", "nonce", "a_b-c", "")),
        (f"10.0.0.1:5/n:1@sha256:{'a' * 64}", ("10.0.0.1:5", "n", "1", f"sha256:{'a' * 64}")),
        (f"[fd00::1]:5000/n@sha256:{'a' * 64}", ("[fd00::1]:5000", "n", "", f"sha256:{'a' * 64}")),
    ],
)
def test_references_are_read_and_written(text: str, parts: tuple[str, ...]) -> None:
    reference = parse_reference(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == parts
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonce:1.0", "names no registry"),
        ("apps/nonce:1.0", "names no registry"),
        ("registry.lab/nonce", "has neither tag nor digest"),
        ("registry.lab/Nonce:1", "has the repository 'Nonce'"),
        ("registry.lab/nonce:1 0", "has the tag '1 0'"),
        ("registry.lab/nonce@sha256:12", "has the digest 'sha256:12'"),
        ("https://registry.lab/nonce:1", "names no registry"),
        ("", "names no registry"),
    ],
)
def test_what_is_no_reference(text: str, said: str) -> None:
    with pytest.raises(ReferenceInvalid, match="; ") as error:
        parse_reference(text)
    assert said in str(error.value)
