# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Broken files of variables are named with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.group import Group
from ansible.inventory.host import Host
from ansible.parsing.dataloader import DataLoader

from ansible_collections.homelab.talos.plugins.vars.named_files import VarsModule, yaml_problem


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_good_files_give_no_variables(tmp_path: Path) -> None:
    write(tmp_path / "group_vars/all.yml", "a: 1\n")
    write(tmp_path / "host_vars/cp1/secret.yml", "$ANSIBLE_VAULT;1.1;AES256\n3332: [\n")
    write(tmp_path / "host_vars/cp1/tagged.yml", "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  33\n")
    assert VarsModule().get_vars(DataLoader(), str(tmp_path), [Group("all"), Host("cp1")]) == {}


@pytest.mark.parametrize("name", ["group_vars/all.yml", "group_vars/all/part.yml", "host_vars/cp1.yml"])
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "a: 1\n  b: 2\n")
    with pytest.raises(AnsibleParserError, match=rf"{path}:2:4: is no YAML: mapping values are not allowed here"):
        VarsModule().get_vars(DataLoader(), str(tmp_path), [Group("all"), Host("cp1")])


def test_files_of_others_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "host_vars/gw1.yml", "[")
    assert VarsModule().get_vars(DataLoader(), str(tmp_path), [Host("cp1")]) == {}


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "all.yml"
    path.write_bytes(b"\xff\xfe\x00")
    assert yaml_problem(path) == f"{path}: is no text; write it as YAML in UTF-8"
