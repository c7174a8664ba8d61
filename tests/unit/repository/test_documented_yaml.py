# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages show as YAML can be used as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.fields import DefinitionError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.inventory import (
    KNOWN_VARIABLES,
    cluster_definition,
)
from ansible_collections.homelab.talos.tests.unit.repository.page_commands import blocks
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, below, name

PAGES = [ROOT / "README.md", *sorted(below("docs", suffix=".md"))]
HOSTS = {"controlplane": "cp1", "compute": "node1", "gateway": "gw1"}


def shown(page: Path) -> list[Any]:
    """Return the content of each YAML block of a page."""
    return [yaml.safe_load("\n".join(block.lines)) for block in blocks(page.read_text()) if block.language == "yaml"]


SHOWN = [(page, content) for page in PAGES for content in shown(page)]
MAPPINGS = [(page, content) for page, content in SHOWN if isinstance(content, dict)]
PLAYS = [(page, content) for page, content in SHOWN if isinstance(content, list)]


def kind(content: dict[str, Any]) -> str:
    """Return what a mapping is: a lab's description or variables of an inventory."""
    return "description" if "nodes" in content else "variables"


def use(variables: dict[str, Any]) -> None:
    """Refuse variables of an inventory that are unknown, or of which no cluster can be made."""
    unknown = set(variables) - {*KNOWN_VARIABLES, "erase"}
    if unknown:
        raise DefinitionError("page", ", ".join(sorted(unknown)), "is no variable")
    missing = {
        "talos_cluster": {"name": "mine", "endpoint": "https://192.168.1.11:6443"},
        "talos_install": {"disk": "/dev/vda"},
        "talos_network": {"dhcp": True},
    }
    hostvars = {
        host: {**missing, **variables, "talos_address": f"192.168.1.{11 + number}"}
        for number, host in enumerate(HOSTS.values())
    }
    cluster_definition({group: [host] for group, host in HOSTS.items()}, hostvars)


def test_pages_show_variables_descriptions_and_plays() -> None:
    assert {kind(mapping[1]) for mapping in MAPPINGS} == {"description", "variables"}
    assert PLAYS


@pytest.mark.parametrize(
    ("page", "content"), MAPPINGS, ids=lambda value: name(value) if isinstance(value, Path) else ""
)
def test_a_mapping_of_a_page_can_be_used(page: Path, content: dict[str, Any]) -> None:
    if kind(content) == "description":
        LabDescription.from_mapping(content)
    else:
        use(content)


@pytest.mark.parametrize(
    "variables", [{"talos_clutser": {}}, {"talos_network": {"mut": 9000}}, {"talos_install": {"disc": "/dev/sda"}}]
)
def test_variables_that_cannot_be_used_are_seen(variables: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        use(variables)


def test_a_description_that_cannot_be_used_is_seen() -> None:
    (good,) = (mapping[1] for mapping in MAPPINGS if kind(mapping[1]) == "description")
    with pytest.raises(LabError):
        LabDescription.from_mapping({**good, "subnet": "192.0.2.0/24"})


def syntax_check(plays: list[Any], directory: Path) -> subprocess.CompletedProcess[str]:
    """Let Ansible read a playbook: names of modules and roles are looked up, arguments of roles are not."""
    (directory / "play.yml").write_text(yaml.safe_dump(plays))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHONPATH"))}
    return subprocess.run(
        [program, "--syntax-check", "-i", "homelab", str(directory / "play.yml")],
        cwd=ROOT,
        env={**environment, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("page", "plays"), PLAYS, ids=lambda value: name(value) if isinstance(value, Path) else "")
def test_a_play_of_a_page_can_be_read(page: Path, plays: list[Any], tmp_path: Path) -> None:
    done = syntax_check(plays, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_play_that_cannot_be_read_is_seen(tmp_path: Path) -> None:
    done = syntax_check([{"hosts": "all", "roles": [{"role": "homelab.talos.gone"}]}], tmp_path)
    assert done.returncode != 0
    assert "homelab.talos.gone" in done.stdout + done.stderr
