# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubeconfig from the bundle: kept as long as it is good, renewed below a quarter of its lifetime."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.kubernetes.kubeconfig_text import parse_kubeconfig
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.kubeconfig import render_kubeconfig
from ansible_collections.homelab.talos.plugins.modules import kubeconfig

NOON = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def options(tmp_path: Path, bundle_path: Path) -> dict[str, Any]:
    return {
        "path": str(tmp_path / "kubeconfig"),
        "secrets_bundle": str(bundle_path),
        "cluster": "home",
        "server": "https://198.18.1.11:6443",
    }


def test_check_mode_before_there_is_a_bundle(run_module: Any, at: Any, options: dict[str, Any]) -> None:
    at(NOON)
    Path(options["secrets_bundle"]).unlink()
    result = run_module(kubeconfig, check_mode=True, **options)
    assert (result["exit_status"], result["changed"], result["reissued"]) == (0, True, True)
    assert result["reason"] == "it would be issued from the secrets bundle, which does not exist yet"
    assert not Path(options["path"]).exists()
    assert "secrets bundle does not exist" in run_module(kubeconfig, **options)["msg"]


def test_the_difference_is_true(run_module: Any, at: Any, options: dict[str, Any]) -> None:
    at(NOON)
    first = run_module(kubeconfig, diff=True, **options)["diff"]
    assert first["before"] == ""
    assert yaml.safe_load(first["after"]) == {
        "context": "admin@home",
        "cluster": "home",
        "server": "https://198.18.1.11:6443",
        "roles": ["system:masters"],
        "not_after": (NOON + DAY).isoformat(),
        "key": "<hidden, new>",
        "mode": "0600",
    }
    changes = {**options, "server": "https://198.18.1.9:6443"}
    other = run_module(kubeconfig, check_mode=True, diff=True, **changes)["diff"]
    before, after = yaml.safe_load(other["before"]), yaml.safe_load(other["after"])
    assert (before["server"], after["server"]) == ("https://198.18.1.11:6443", "https://198.18.1.9:6443")
    assert before["key"] == after["key"] == "<hidden>"


def test_a_broken_certificate_is_replaced_and_shown_as_such(run_module: Any, options: dict[str, Any]) -> None:
    run_module(kubeconfig, **options)
    found = parse_kubeconfig(Path(options["path"]).read_text(), "x")
    broken = render_kubeconfig("home", found.server, found.ca, b"no certificate", found.key)
    Path(options["path"]).write_text(broken)
    result = run_module(kubeconfig, diff=True, **options)
    assert (result["changed"], result["reason"]) == (True, "the certificate or its key is not readable")
    assert yaml.safe_load(result["diff"]["before"])["not_after"] == "not readable"


def test_writes_a_private_kubeconfig_once(run_module: Any, at: Any, options: dict[str, Any], bundle: Any) -> None:
    at(NOON)
    first = run_module(kubeconfig, **options)
    assert (first["changed"], first["reissued"], first["context"]) == (True, True, "admin@home")
    assert first["not_after"] == (NOON + DAY).isoformat()
    path = Path(options["path"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = parse_kubeconfig(path.read_text(), "x")
    assert found.server == "https://198.18.1.11:6443"
    assert pki.is_issued_by(found.crt, found.ca)
    second = run_module(kubeconfig, **options)
    assert (second["changed"], second["reason"]) == (False, "")


@pytest.mark.parametrize(("hours", "changed"), [(17, False), (19, True), (30, True)])
def test_renews_below_a_quarter(run_module: Any, at: Any, options: dict[str, Any], hours: int, changed: bool) -> None:
    at(NOON)
    run_module(kubeconfig, **options)
    at(NOON + datetime.timedelta(hours=hours))
    result = run_module(kubeconfig, check_mode=True, **options)
    assert (result["changed"], result["reissued"]) == (changed, changed)
    before = Path(options["path"]).read_bytes()
    result = run_module(kubeconfig, **options)
    assert (result["changed"], Path(options["path"]).read_bytes() != before) == (changed, changed)


def test_the_bundle_does_not_change(run_module: Any, options: dict[str, Any]) -> None:
    before = Path(options["secrets_bundle"]).read_bytes()
    run_module(kubeconfig, **options)
    assert Path(options["secrets_bundle"]).read_bytes() == before


def test_another_server_keeps_the_certificate(run_module: Any, at: Any, options: dict[str, Any]) -> None:
    at(NOON)
    run_module(kubeconfig, **options)
    before = parse_kubeconfig(Path(options["path"]).read_text(), "x")
    result = run_module(kubeconfig, **{**options, "server": "https://198.18.1.10:6443"})
    assert (result["changed"], result["reissued"], result["reason"]) == (True, False, "cluster or server differ")
    assert parse_kubeconfig(Path(options["path"]).read_text(), "x").crt == before.crt


def test_check_mode_writes_nothing(run_module: Any, options: dict[str, Any]) -> None:
    assert run_module(kubeconfig, check_mode=True, **options)["changed"]
    assert not Path(options["path"]).exists()


def test_a_foreign_file_stays(run_module: Any, options: dict[str, Any]) -> None:
    Path(options["path"]).write_text("my notes\n")
    result = run_module(kubeconfig, **options)
    assert result["exit_status"] == 1
    assert options["path"] in result["msg"]
    assert Path(options["path"]).read_text() == "my notes\n"


def test_missing_bundle_is_one_line(run_module: Any, options: dict[str, Any], tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere" / "secrets.yaml")
    result = run_module(kubeconfig, **{**options, "secrets_bundle": missing})
    assert result["exit_status"] == 1
    assert result["msg"] == f"{missing}: secrets bundle does not exist; create it with homelab.talos.secrets_bundle"
    assert not Path(options["path"]).exists()
