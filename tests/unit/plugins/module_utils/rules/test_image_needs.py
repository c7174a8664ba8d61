# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each role needs is in its variant, or a finding names group, file, item and fix."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.rules import image_needs
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.declaration import find_declarations

ROOT = Path(__file__).resolve().parents[5]
DEFINITION = yaml.safe_load((ROOT / "tests/planted/definition.yml").read_text())


def test_the_variable_is_found_in_the_shipped_inventory() -> None:
    places = find_declarations([ROOT / "inventories/homelab"], "talos_variants")
    file = ROOT / "inventories/homelab/group_vars/all.yml"
    assert set(places) == {"compute", "gateway"}
    for role, place in places.items():
        path, _separator, line = place.rpartition(":")
        assert path == str(file)
        assert file.read_text().splitlines()[int(line) - 1].strip() == f"{role}:"


def test_a_hosts_file_leads_to_the_variables_beside_it(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "hosts.yml").write_text("all:\n  vars:\n    talos_variants:\n      compute: {}\n")
    (tmp_path / "group_vars/all.yml").write_text("talos_variants:\n  gateway: {}\n")
    (tmp_path / "group_vars/broken.yml").write_text("a: [\n")
    (tmp_path / "group_vars/secret.yml").write_text("a: !vault |\n  $ANSIBLE_VAULT\n")
    assert find_declarations([tmp_path / "hosts.yml"], "talos_variants") == {
        "compute": f"{tmp_path}/hosts.yml:4",
        "gateway": f"{tmp_path}/group_vars/all.yml:2",
    }


def test_parity_needs_no_network_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("no network"))
    broken = changed(["drbd", "zfs"])
    begin = time.monotonic()
    findings = image_needs.check_definition(broken, {"compute": "group_vars/all.yml:23"})
    assert time.monotonic() - begin < 60
    (finding,) = findings
    assert finding.path == "group_vars/all.yml:23"
    assert "group wasm" in finding.message
    assert "spin" in finding.message
    assert finding.fix == "add spin to talos_variants.compute.extensions"


def changed(compute: list[str]) -> dict[str, Any]:
    """Return the planted definition with other extensions for compute nodes."""
    variants = {**DEFINITION["cluster"]["variants"], "compute": {"extensions": compute}}
    return {**DEFINITION, "cluster": {**DEFINITION["cluster"], "variants": variants}}
