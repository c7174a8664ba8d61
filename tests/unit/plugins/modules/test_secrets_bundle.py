# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secrets_bundle: generated once, adopted, encrypted, never replaced."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle as library
from ansible_collections.homelab.talos.plugins.module_utils.talos import vault_text
from ansible_collections.homelab.talos.plugins.modules import secrets_bundle


def controlplane_config(bundle: dict[str, Any]) -> str:
    certs = bundle["certs"]
    return library.yaml_text.dump(
        {
            "version": "v1alpha1",
            "machine": {"type": "controlplane", "token": bundle["trustdinfo"]["token"], "ca": certs["os"]},
            "cluster": {
                **bundle["cluster"],
                "token": bundle["secrets"]["bootstraptoken"],
                "secretboxEncryptionSecret": bundle["secrets"]["secretboxencryptionsecret"],
                "ca": certs["k8s"],
                "aggregatorCA": certs["k8saggregator"],
                "serviceAccount": certs["k8sserviceaccount"],
                "etcd": {"ca": certs["etcd"]},
            },
        }
    )


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, bundle: dict[str, Any]) -> None:
    monkeypatch.setattr(library, "generate", lambda: bundle)
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)


def test_generates_a_private_bundle_once(run_module: Any, tmp_path: Path, bundle: dict[str, Any]) -> None:
    path = tmp_path / "new" / "secrets.yaml"
    first = run_module(secrets_bundle, path=str(path))
    assert (first["changed"], first["created"], first["cluster_id"]) == (True, True, bundle["cluster"]["id"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert library.load(path.read_text(), "x") == bundle
    second = run_module(secrets_bundle, path=str(path))
    assert (second["changed"], second["created"], second["actions"]) == (False, False, [])


def test_check_mode_writes_nothing(run_module: Any, tmp_path: Path) -> None:
    result = run_module(secrets_bundle, check_mode=True, path=str(tmp_path / "secrets.yaml"))
    assert result["changed"]
    assert result["actions"] == [f"generate {tmp_path / 'secrets.yaml'}"]
    assert list(tmp_path.iterdir()) == []


def test_no_secret_in_the_result(run_module: Any, tmp_path: Path, bundle: dict[str, Any]) -> None:
    result = str(run_module(secrets_bundle, path=str(tmp_path / "secrets.yaml"), diff=True))
    for secret in (bundle["cluster"]["secret"], bundle["trustdinfo"]["token"], bundle["certs"]["os"]["key"]):
        assert secret not in result


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("cluster: {id: x", "not readable as YAML"),
        ("- 1\n", "holds no secrets bundle"),
        ("cluster: {id: a, secret: b}\n", "secrets is required"),
    ],
)
def test_an_invalid_file_is_an_error_and_stays(run_module: Any, tmp_path: Path, content: str, cause: str) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text(content)
    result = run_module(secrets_bundle, path=str(path))
    assert result["exit_status"] == 1
    assert result["msg"].startswith(str(path))
    assert cause in result["msg"]
    assert path.read_text() == content


def test_loose_permissions_are_tightened(run_module: Any, bundle_path: Path) -> None:
    bundle_path.chmod(0o644)
    content = bundle_path.read_text()
    assert run_module(secrets_bundle, check_mode=True, path=str(bundle_path))["changed"]
    assert stat.S_IMODE(bundle_path.stat().st_mode) == 0o644
    assert run_module(secrets_bundle, path=str(bundle_path))["actions"] == [f"restrict {bundle_path} to its owner"]
    assert stat.S_IMODE(bundle_path.stat().st_mode) == 0o600
    assert bundle_path.read_text() == content


def test_adopts_a_running_cluster(run_module: Any, tmp_path: Path, other_bundle: dict[str, Any]) -> None:
    config = tmp_path / "controlplane.yaml"
    config.write_text(controlplane_config(other_bundle))
    path = tmp_path / "secrets.yaml"
    result = run_module(secrets_bundle, path=str(path), adopt_from=str(config))
    assert result["cluster_id"] == other_bundle["cluster"]["id"]
    assert library.load(path.read_text(), "x") == other_bundle
    assert not run_module(secrets_bundle, path=str(path), adopt_from=str(config))["changed"]


def test_refuses_to_adopt_what_is_no_text(run_module: Any, tmp_path: Path) -> None:
    config = tmp_path / "talos.img"
    config.write_bytes(b"\x7fELF\xff\xfe\x00")
    path = tmp_path / "secrets.yaml"
    result = run_module(secrets_bundle, path=str(path), adopt_from=str(config))
    assert result["exit_status"] == 1
    assert result["msg"] == f"{config}: is not text; give the machine configuration of a control plane"
    assert not path.exists()


def test_refuses_to_adopt_over_another_cluster(
    run_module: Any, tmp_path: Path, bundle_path: Path, other_bundle: dict[str, Any]
) -> None:
    config = tmp_path / "controlplane.yaml"
    config.write_text(controlplane_config(other_bundle))
    before = bundle_path.read_bytes()
    result = run_module(secrets_bundle, path=str(bundle_path), adopt_from=str(config))
    assert result["exit_status"] == 1
    assert f"{bundle_path}: holds other secrets than {config}" in result["msg"]
    assert bundle_path.read_bytes() == before


def test_encrypts_with_the_vault_password(run_module: Any, bundle_path: Path, bundle: dict[str, Any]) -> None:
    password = bundle_path.with_name("vault-password")
    password.write_text("correct horse\n")
    result = run_module(secrets_bundle, path=str(bundle_path), vault_password_file=str(password))
    assert (result["changed"], result["encrypted"]) == (True, True)
    data = bundle_path.read_bytes()
    assert vault_text.is_encrypted(data)
    assert library.load(vault_text.decrypt(data, b"correct horse", "x").decode(), "x") == bundle
    assert not run_module(secrets_bundle, path=str(bundle_path), vault_password_file=str(password))["changed"]


def test_an_encrypted_bundle_needs_its_password(run_module: Any, bundle_path: Path) -> None:
    password = bundle_path.with_name("vault-password")
    password.write_text("correct horse")
    run_module(secrets_bundle, path=str(bundle_path), vault_password_file=str(password))
    encrypted = bundle_path.read_bytes()
    assert "no password is known; set vault_password_file" in run_module(secrets_bundle, path=str(bundle_path))["msg"]
    password.write_text("wrong")
    result = run_module(secrets_bundle, path=str(bundle_path), vault_password_file=str(password))
    assert result["exit_status"] == 1
    assert f"{bundle_path}: vault password does not fit" in result["msg"]
    assert bundle_path.read_bytes() == encrypted
