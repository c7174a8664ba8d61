# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client configuration files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import talosconfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import (
    TalosconfigError,
    default_path,
    load_talosconfig,
    parse_talosconfig,
    render_talosconfig,
)
from ansible_collections.homelab.talos.tests.support.certificates import DAY, Authority, now


def document(authority: Authority, **changes: Any) -> dict[str, Any]:
    own = authority.client()
    encoded = {name: base64.b64encode(getattr(own, name)).decode() for name in ("ca", "crt", "key")}
    entry = {"endpoints": ["198.18.1.11"], "nodes": ["198.18.1.11", "198.18.1.12"], **encoded, **changes}
    return {"context": "home", "contexts": {"home": {key: value for key, value in entry.items() if value is not None}}}


def parse(document: object, context: str | None = None) -> talosconfig.TalosContext:
    return parse_talosconfig(yaml.safe_dump(document), "talosconfig", context)


def test_round_trip(authority: Authority) -> None:
    own = authority.client()
    text = render_talosconfig("home", "os:admin", ["198.18.1.11"], ["198.18.1.12"], own)
    context = parse_talosconfig(text, "x")
    assert (context.name, context.endpoints, context.nodes) == ("home", ("198.18.1.11",), ("198.18.1.12",))
    assert context.credentials == own
    assert render_talosconfig("home", "os:admin", ["198.18.1.11"], ["198.18.1.12"], own) == text


def test_other_roles_have_contexts_of_their_own(authority: Authority) -> None:
    text = render_talosconfig("home", "os:reader", ["198.18.1.11"], [], authority.client(["os:reader"]))
    context = parse_talosconfig(text, "x")
    assert context.name == "os:reader@home"
    assert context.credentials.roles == ("os:reader",)


def test_contexts(authority: Authority) -> None:
    both = document(authority)
    both["contexts"]["other"] = document(authority, endpoints=["198.18.2.11"])["contexts"]["home"]
    assert parse(both).name == "home"
    assert parse(both, "other").endpoints == ("198.18.2.11",)
    with pytest.raises(TalosconfigError, match="has no context 'nope'; remedy: choose one of: home, other"):
        parse(both, "nope")
    del both["context"]
    with pytest.raises(TalosconfigError, match="names no current context"):
        parse(both)


def test_deprecated_target(authority: Authority) -> None:
    assert parse(document(authority, endpoints=None, target="198.18.1.13")).endpoints == ("198.18.1.13",)
    assert parse(document(authority, endpoints=None, nodes=None)).endpoints == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ca": None}, "context home: ca is missing"),
        ({"key": ""}, "context home: key is missing"),
        ({"crt": "%%%"}, "context home: crt is not base64"),
        ({"crt": base64.b64encode(b"hello").decode()}, "context home: crt is not PEM"),
        ({"endpoints": "198.18.1.11"}, "context home: endpoints is not a list of strings"),
        ({"nodes": [1]}, "context home: nodes is not a list of strings"),
    ],
)
def test_broken_contexts(authority: Authority, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TalosconfigError, match=f"^talosconfig: {message}"):
        parse(document(authority, **changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 YAML documents"),
        ("a: [", "broken"),
        ("- a\n", "the file is not a mapping"),
        ("contexts: {}\n", "has no contexts"),
        ("context: a\ncontexts: {a: 1}\n", "context a is not a mapping"),
        ("context: a\n---\ncontext: b\n", "has 2 YAML documents"),
    ],
)
def test_broken_files(text: str, message: str) -> None:
    with pytest.raises(TalosconfigError, match=message) as caught:
        parse_talosconfig(text, "talosconfig")
    assert "\n" not in str(caught.value)


def test_load(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "talosconfig"
    path.write_text(yaml.safe_dump(document(authority)))
    assert load_talosconfig(path).name == "home"
    with pytest.raises(TalosconfigError, match="cannot be read: No such file"):
        load_talosconfig(tmp_path / "nope")


def test_an_expired_certificate_is_found_when_loading(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "talosconfig"
    path.write_text(yaml.safe_dump(document(authority)))
    with pytest.raises(TalosconfigError, match="context home: the client certificate expired at 20.*; remedy: create"):
        load_talosconfig(path, clock=lambda: now() + 2 * DAY)
    with pytest.raises(TalosconfigError, match="valid only from"):
        load_talosconfig(path, clock=lambda: now() - 2 * DAY)


def test_a_certificate_that_is_none(authority: Authority, tmp_path: Path) -> None:
    broken = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").decode()
    path = tmp_path / "talosconfig"
    path.write_text(yaml.safe_dump(document(authority, crt=broken)))
    with pytest.raises(TalosconfigError, match="the client certificate cannot be decoded"):
        load_talosconfig(path)


def test_default_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path({"TALOSCONFIG": "/a/b", "TALOS_HOME": "/c"}) == Path("/a/b")
    assert default_path({"TALOS_HOME": "/c"}) == Path("/c/config")
    assert default_path({}) == tmp_path / ".talos" / "config"
    mounted = tmp_path / "mounted"
    monkeypatch.setattr(talosconfig, "SERVICE_ACCOUNT_PATH", str(mounted))
    assert default_path({}) == tmp_path / ".talos" / "config"
    mounted.touch()
    assert default_path({}) == mounted
