# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: what Spin accepts is read, and everything it would refuse later is one line."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Build, LocalSource, RemoteSource
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest_reading import load_manifest, parse_manifest
from ansible_collections.homelab.talos.tests.support.spin_app import MANIFEST, write_app

GOOD: dict[str, Any] = tomllib.loads(MANIFEST)
DIGEST = "sha256:" + "0" * 64
Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> dict[str, Any]:
    content = copy.deepcopy(GOOD)
    change(content)
    return content


def message(content: dict[str, Any]) -> str:
    with pytest.raises(ManifestInvalid) as error:
        parse_manifest(content, "spin.toml")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_manifest_is_read_from_its_directory(tmp_path: Path) -> None:
    manifest = load_manifest(write_app(tmp_path))
    assert (manifest.application.name, manifest.application.version) == ("nonce", "1.2.3")
    assert manifest.variables["password"].required
    assert manifest.variables["password"].secret
    assert manifest.variables["greeting"].default == "hello"
    (trigger,) = manifest.triggers
    assert (trigger.id, trigger.type, trigger.component) == ("nonce-http-trigger", "http", "nonce")
    component = manifest.components["nonce"]
    assert component.source == LocalSource("target/nonce.wasm")
    assert component.key_value_stores == ("default",)
    assert component.build == Build(("true",))
    assert load_manifest(tmp_path / "spin.toml").components == manifest.components


def test_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match=r"holds no spin.toml; name the directory of a Spin application"):
        load_manifest(tmp_path)
    with pytest.raises(ManifestInvalid, match=r"away: does not exist"):
        load_manifest(tmp_path / "away")


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "\x00", "a = [" * 500])
def test_what_is_no_toml(tmp_path: Path, text: str) -> None:
    (tmp_path / "spin.toml").write_text(text)
    with pytest.raises(ManifestInvalid, match=r"spin.toml: is no TOML: .*; correct the file"):
        load_manifest(tmp_path)


@pytest.mark.parametrize(
    ("version", "cause"),
    [
        (1, "spin_manifest_version: is 1, the manifest of Spin before 2.0; rewrite it as version 2"),
        ("1", "is 1, the manifest of Spin before 2.0"),
        (3, "spin_manifest_version: is 3, which is not known here; known is 2"),
        ("2", "is '2', which is not known here"),
        (2.0, "is 2.0, which is not known here"),
        (True, "is 1"),
    ],
)
def test_another_version(version: Any, cause: str) -> None:
    assert cause in message(changed(lambda content: content.update(spin_manifest_version=version)))


def test_a_manifest_of_version_one_says_so() -> None:
    assert "is 1, the manifest of Spin before 2.0" in message({"spin_version": "1", "name": "old"})
    assert "spin_manifest_version: is missing" in message({})


def http(content: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = content["trigger"]["http"][0]
    return table


def nonce(content: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = content["component"]["nonce"]
    return table


def another_route(route: str) -> Change:
    return lambda content: content["trigger"]["http"].append({"route": route, "component": "nonce"})


def two_routes(*routes: str) -> list[dict[str, Any]]:
    return [{"route": route, "component": "nonce"} for route in routes]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("application"), "application: is missing; write [application] with name"),
        (lambda c: c["application"].pop("name"), "application.name: is missing"),
        (lambda c: c["application"].update(name=3), "application.name: is a number, not a text"),
        (
            lambda c: c["application"].update(autors=["x"]),
            'application.autors: is not known here; did you mean "authors"?',
        ),
        (lambda c: c.update(components={}), "components: is not known here"),
        (lambda c: c.pop("trigger"), "trigger: is missing: nothing calls the application"),
        (lambda c: c["trigger"].update(http={"route": "/"}), "trigger.http: is a table, not a list"),
        (lambda c: http(c).pop("route"), "trigger.http[0].route: is missing"),
        (lambda c: http(c).update(route={"private": False}), "is neither a text nor { private = true }"),
        (lambda c: http(c).update(methods=["GET"]), "trigger.http[0].methods: is not known here"),
        (
            lambda c: http(c).update(component="none"),
            "calls the component 'none', which does not exist; known are",
        ),
        (lambda c: http(c).pop("component"), "has neither component nor static_response"),
        (lambda c: http(c).update(static_response={}), "has both component and static_response"),
        (lambda c: http(c).update(executor={"type": "cgi"}), "executor.type: is 'cgi'; choose from http, spin, wagi"),
        (lambda c: http(c).update(dependencies={}), "dependencies: needs Spin 4"),
        (lambda c: http(c).update(route="/a/.../b"), "has ... before its end; write it like /path"),
        (lambda c: http(c).update(route="/.well-known/spin/health"), "which the host answers itself"),
        (another_route("/..."), "answers the same requests as route '/...' of nonce-http-trigger; give one of them"),
        (another_route("...//"), "answers the same requests"),
        (
            lambda c: c["trigger"].update(http=two_routes("/a/:id", "/a/:name")),
            "answers the same requests as route '/a/:id'",
        ),
        (lambda c: nonce(c).pop("source"), "component.nonce.source: is missing"),
        (lambda c: nonce(c).update(source={}), "source: has neither url nor package"),
        (
            lambda c: nonce(c).update(source={"url": "https://x/y", "digest": "md5:1"}),
            "digest: is 'md5:1'; write",
        ),
        (lambda c: nonce(c).update(source={"url": "ftp://x", "digest": DIGEST}), "url: is 'ftp://x'"),
        (lambda c: nonce(c).update(files="static/*"), "files: is no list"),
        (lambda c: nonce(c).update(files=[{"source": "a"}]), "files[0].destination: is missing"),
        (lambda c: nonce(c).update(key_value_stores=["a b"]), "key_value_stores: holds 'a b', which is no label"),
        (lambda c: nonce(c).update(allowed_http_hosts=["x"]), "write allowed_outbound_hosts"),
        (lambda c: nonce(c).update(allowed_outbound_hosts=["example.org"]), "'example.org' has no scheme"),
        (lambda c: nonce(c).update(allowed_outbound_hosts=["http://a:99999"]), "above 65535"),
        (lambda c: nonce(c).update(allowed_outbound_hosts=["http://a/b"]), "more than a host and a port"),
        (
            lambda c: nonce(c).update(variables={"x": "{{ gretting }}"}),
            "names the variable 'gretting', which",
        ),
        (lambda c: nonce(c).update(variables={"x": "{{ greeting"}), "has {{ without }}"),
        (lambda c: nonce(c).update(variables={"A-b": "x"}), "variables.A-b: is no name of a variable"),
        (lambda c: nonce(c).update(build={"command": []}), "build.command: is empty"),
        (lambda c: nonce(c).update(build={"command": 1}), "build.command: is a number, not a text"),
        (lambda c: c["component"].update(a_b={"source": "x"}), "component.a_b: is no id of a component"),
        (lambda c: c["variables"].update(x={}), "variables.x: is neither required nor has a default"),
        (lambda c: c["variables"].update(x={"required": True, "default": ""}), "is required and has a default"),
        (lambda c: c["variables"].update(X={"default": ""}), "variables.X: is no name of a variable"),
        (lambda c: c["variables"].update(x="1"), "variables.x: is a text, not a table"),
    ],
)
def test_what_spin_refuses_is_one_line(change: Change, said: str) -> None:
    assert said in message(changed(change))


@pytest.mark.parametrize(
    "change",
    [
        another_route("/a"),
        another_route("/a/:id"),
        lambda c: http(c).update(route={"private": True}),
        lambda c: http(c).update(executor={"type": "wagi", "argv": "${SCRIPT_NAME}"}),
        lambda c: nonce(c).update(source={"url": "https://example.org/a.wasm", "digest": DIGEST}),
        lambda c: nonce(c).update(
            allowed_outbound_hosts=["*://*:*", "http://*.lab:80..90", "http://[::1]:80", "https://self"]
        ),
        lambda c: nonce(c).update(variables={}),
        lambda c: c["trigger"].update(redis=[{"channel": "x", "component": "nonce"}]),
        lambda c: c["application"].update(targets=["spin-up:3.3"], tool={"x": {}}, trigger={"redis": {"address": "x"}}),
    ],
)
def test_what_spin_accepts_is_accepted(change: Change) -> None:
    assert parse_manifest(changed(change), "spin.toml").application.name == "nonce"


def test_ids_are_those_that_spin_makes() -> None:
    def several(content: dict[str, Any]) -> None:
        content["trigger"]["http"] += [
            {"route": "/2", "component": "nonce"},
            {"route": "/3", "component": "nonce", "id": "mine"},
            {"route": "/4", "component": {"source": "b.wasm"}},
            {"route": "/5", "static_response": {"status_code": 204}},
        ]

    manifest = parse_manifest(changed(several), "spin.toml")
    assert [trigger.id for trigger in manifest.triggers] == [
        "nonce-http-trigger",
        "http-trigger1",
        "mine",
        "http-trigger2",
        "http-trigger3",
    ]
    assert list(manifest.components) == ["nonce", "http-trigger2-component"]


def test_a_remote_source_is_kept_with_its_digest() -> None:
    content = changed(lambda c: nonce(c).update(source={"url": "https://example.org/a.wasm", "digest": DIGEST}))
    manifest = parse_manifest(content, "spin.toml")
    assert manifest.components["nonce"].source == RemoteSource("https://example.org/a.wasm", DIGEST)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    (),
    ("application",),
    ("trigger",),
    ("trigger", "http", 0),
    ("component",),
    ("component", "nonce"),
    ("component", "nonce", "build"),
    ("variables",),
    ("variables", "greeting"),
]


@given(place=st.sampled_from(PLACES), data=st.data(), value=VALUES)
def test_any_value_anywhere_is_read_or_refused(place: tuple[Any, ...], data: st.DataObject, value: Any) -> None:
    content = copy.deepcopy(GOOD)
    table: Any = content
    for key in place:
        table = table[key]
    table[data.draw(st.sampled_from(sorted(table)) | st.text(max_size=8))] = value
    said = "spin.toml: accepted"
    try:
        parse_manifest(content, "spin.toml")
    except ManifestInvalid as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    assert said.startswith("spin.toml: ")
