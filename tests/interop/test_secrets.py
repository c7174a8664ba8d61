# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets bundles go both ways: talosctl makes configurations with ours, and we read those that it makes."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.tests.support.talosctl import Answer, Talosctl

CLUSTER = ("garage", "https://198.18.1.11:6443")


@pytest.fixture(scope="module")
def bundle() -> secrets_bundle.Bundle:
    """Secrets as the collection makes them."""
    return secrets_bundle.generate()


def gen_config(talosctl: Talosctl, bundle: secrets_bundle.Bundle, directory: Path) -> Answer:
    """Let talosctl generate machine configurations with secrets."""
    (directory / "secrets.yaml").write_text(secrets_bundle.dump(bundle), encoding="utf-8")
    return talosctl.run("gen", "config", *CLUSTER, "--with-secrets", "secrets.yaml", directory=directory)


def test_the_secrets_of_generated_configurations_are_ours(
    talosctl: Talosctl, bundle: secrets_bundle.Bundle, tmp_path: Path
) -> None:
    done = gen_config(talosctl, bundle, tmp_path)
    assert done.returncode == 0, done.stderr
    plane = MachineConfig.from_text((tmp_path / "controlplane.yaml").read_text(encoding="utf-8"))
    assert secrets_bundle.adopt_from_controlplane_config(plane.documents) == bundle
    worker = MachineConfig.from_text((tmp_path / "worker.yaml").read_text(encoding="utf-8"))
    assert worker.value("machine", "token") == bundle["trustdinfo"]["token"]
    assert worker.value("machine", "ca") == {"crt": bundle["certs"]["os"]["crt"], "key": ""}
    assert worker.value("cluster", "ca") == {"crt": bundle["certs"]["k8s"]["crt"], "key": ""}
    context = yaml.safe_load((tmp_path / "talosconfig").read_text(encoding="utf-8"))["contexts"]["garage"]
    assert context["ca"] == bundle["certs"]["os"]["crt"]


def test_a_bundle_of_talosctl_is_a_bundle_of_ours(talosctl: Talosctl, tmp_path: Path) -> None:
    done = talosctl.run("gen", "secrets", "--output-file", "secrets.yaml", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "secrets.yaml").read_text(encoding="utf-8")
    theirs = secrets_bundle.load(text)
    assert secrets_bundle.validate(theirs) == []
    assert yaml.safe_load(secrets_bundle.dump(theirs)) == yaml.safe_load(text)
    assert base64.b64decode(theirs["certs"]["os"]["key"]).startswith(b"-----BEGIN ED25519 PRIVATE KEY-----")


@pytest.mark.parametrize("missing", [("certs", "os"), ("certs", "k8s"), ("secrets", "bootstraptoken")])
def test_an_incomplete_bundle_is_refused_by_both(
    missing: tuple[str, str], talosctl: Talosctl, bundle: secrets_bundle.Bundle, tmp_path: Path
) -> None:
    broken: Any = copy.deepcopy(bundle)
    del broken[missing[0]][missing[1]]
    assert secrets_bundle.validate(broken) != []
    done = gen_config(talosctl, broken, tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / "controlplane.yaml").exists()
