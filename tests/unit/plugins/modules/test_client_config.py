# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""client_config: kept as long as it is good, renewed below a quarter of its lifetime."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import TalosContext, parse_talosconfig
from ansible_collections.homelab.talos.plugins.modules import client_config

NOON = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def options(tmp_path: Path, bundle_path: Path) -> dict[str, Any]:
    return {
        "path": str(tmp_path / "talosconfig"),
        "secrets_bundle": str(bundle_path),
        "cluster": "home",
        "endpoints": ["198.18.1.11"],
    }


def on_disk(options: dict[str, Any]) -> TalosContext:
    return parse_talosconfig(Path(options["path"]).read_text(), options["path"])


def test_writes_a_private_file_once(run_module: Any, at: Any, options: dict[str, Any], bundle: Any) -> None:
    at(NOON)
    first = run_module(client_config, **options)
    assert (first["changed"], first["reissued"], first["reason"]) == (True, True, "the file did not exist")
    assert (first["context"], first["roles"], first["not_after"]) == ("home", ["os:admin"], (NOON + DAY).isoformat())
    assert stat.S_IMODE(Path(options["path"]).stat().st_mode) == 0o600
    found = on_disk(options)
    assert found.endpoints == ("198.18.1.11",)
    assert pki.is_issued_by(found.credentials.crt, secrets_bundle.authority(bundle, "os").crt)
    second = run_module(client_config, **options)
    assert (second["changed"], second["reissued"], second["reason"]) == (False, False, "")


@pytest.mark.parametrize(("hours", "changed"), [(17, False), (19, True), (30, True)])
def test_renews_below_a_quarter(run_module: Any, at: Any, options: dict[str, Any], hours: int, changed: bool) -> None:
    at(NOON)
    run_module(client_config, **options)
    before = Path(options["path"]).read_bytes()
    at(NOON + datetime.timedelta(hours=hours))
    assert run_module(client_config, check_mode=True, **options)["changed"] is changed
    assert Path(options["path"]).read_bytes() == before
    result = run_module(client_config, **options)
    assert (result["changed"], result["reissued"]) == (changed, changed)
    assert (Path(options["path"]).read_bytes() != before) is changed


def test_renewal_does_not_change_the_bundle(run_module: Any, options: dict[str, Any]) -> None:
    before = Path(options["secrets_bundle"]).read_bytes()
    run_module(client_config, **options)
    assert Path(options["secrets_bundle"]).read_bytes() == before


def test_other_endpoints_keep_the_certificate(run_module: Any, options: dict[str, Any]) -> None:
    run_module(client_config, **options)
    before = on_disk(options).credentials.crt
    result = run_module(client_config, **{**options, "endpoints": ["198.18.1.12"]})
    assert (result["changed"], result["reissued"]) == (True, False)
    assert result["reason"] == "endpoints, nodes or names differ"
    assert on_disk(options).credentials.crt == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"roles": ["os:reader"]}, "other roles are asked for"), ({"lifetime": "7d"}, "another lifetime is asked for")],
)
def test_other_wishes_reissue(run_module: Any, options: dict[str, Any], change: dict[str, Any], reason: str) -> None:
    run_module(client_config, **options)
    result = run_module(client_config, **{**options, **change})
    assert (result["changed"], result["reissued"], result["reason"]) == (True, True, reason)


def test_the_bundle_of_another_cluster_reissues(
    run_module: Any, options: dict[str, Any], tmp_path: Path, other_bundle: dict[str, Any]
) -> None:
    run_module(client_config, **options)
    other = tmp_path / "other.yaml"
    other.write_text(secrets_bundle.dump(other_bundle))
    result = run_module(client_config, **{**options, "secrets_bundle": str(other)})
    assert result["reason"] == "the certificate was issued by another authority"


def test_check_mode_before_there_is_a_bundle(run_module: Any, at: Any, options: dict[str, Any]) -> None:
    at(NOON)
    Path(options["secrets_bundle"]).unlink()
    result = run_module(client_config, check_mode=True, **options)
    assert (result["exit_status"], result["changed"], result["reissued"]) == (0, True, True)
    assert result["reason"] == "it would be issued from the secrets bundle, which does not exist yet"
    assert result["not_after"] == (NOON + DAY).isoformat()
    assert not Path(options["path"]).exists()
    assert not Path(options["secrets_bundle"]).exists()
    assert "secrets bundle does not exist" in run_module(client_config, **options)["msg"]


def test_the_difference_is_true(run_module: Any, at: Any, options: dict[str, Any]) -> None:
    at(NOON)
    first = run_module(client_config, diff=True, **options)["diff"]
    assert (first["before"], first["after_header"]) == ("", options["path"])
    assert yaml.safe_load(first["after"]) == {
        "context": "home",
        "endpoints": ["198.18.1.11"],
        "nodes": [],
        "roles": ["os:admin"],
        "not_after": (NOON + DAY).isoformat(),
        "key": "<hidden, new>",
        "mode": "0600",
    }
    same = run_module(client_config, diff=True, **options)["diff"]
    assert same["before"] == same["after"]
    assert "key: <hidden>\n" in same["after"]
    Path(options["path"]).chmod(0o644)
    changes = {**options, "roles": ["os:reader"], "endpoints": ["198.18.1.12"]}
    other = run_module(client_config, check_mode=True, diff=True, **changes)["diff"]
    before, after = yaml.safe_load(other["before"]), yaml.safe_load(other["after"])
    assert (before["roles"], after["roles"]) == (["os:admin"], ["os:reader"])
    assert (before["endpoints"], after["endpoints"]) == (["198.18.1.11"], ["198.18.1.12"])
    assert (before["mode"], after["mode"]) == ("0644", "0600")
    assert (before["key"], after["key"]) == ("<hidden, old>", "<hidden, new>")
    assert "diff" not in run_module(client_config, **options)


def test_no_key_in_the_result(run_module: Any, options: dict[str, Any]) -> None:
    result = str(run_module(client_config, diff=True, **options))
    key = on_disk(options).credentials.key.decode()
    assert key.splitlines()[1] not in result


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("my notes\n", "is not a mapping"),
        ("contexts: {a: {}, b: {}}\n", "holds the contexts a, b"),
        ("context: [\n", "YAML is broken"),
    ],
)
def test_a_foreign_file_stays(run_module: Any, options: dict[str, Any], content: str, cause: str) -> None:
    Path(options["path"]).write_text(content)
    result = run_module(client_config, **options)
    assert result["exit_status"] == 1
    assert result["msg"].startswith(options["path"])
    assert cause in result["msg"]
    assert Path(options["path"]).read_text() == content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lifetime": "soon"}, "'soon' is no duration; write a number with s, m, h or d, such as 24h or 1h30m"),
        ({"roles": ["admin"]}, "role 'admin' is unknown; use some of os:admin,"),
    ],
)
def test_bad_wishes_write_nothing(
    run_module: Any, options: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    result = run_module(client_config, **{**options, **change})
    assert result["exit_status"] == 1
    assert message in result["msg"]
    assert not Path(options["path"]).exists()
