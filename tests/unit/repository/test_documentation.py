# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of documentation say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, below, name

PAGES = [ROOT / "README.md", *sorted(below("docs", "roles", suffix=".md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)\b")


def broken_links(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    return [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#top) [b](gone.md) [c](https://example.org)")
    assert broken_links(page) == ["gone.md"]


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    found = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {target for line in found for target in line.split()}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(below("docs", suffix=".md"))], ids=name)
def test_documented_targets_exist(page: Path) -> None:
    code = "\n".join(re.findall(r"`[^`]+`|^\$ .*$", page.read_text(), re.MULTILINE))
    assert set(TARGET.findall(code)) - targets() == set()


def test_the_commands_of_the_project_exist() -> None:
    assert targets() >= {"setup", "mixed-role", "test", "test-all", "planted", "bench"}


def test_every_key_of_a_cluster_is_documented() -> None:
    page = (ROOT / "docs/reference/inventory.md").read_text()
    # Two keys have variables of their own: talos_provider and talos_variants.
    keys = set(Cluster.KEYS) - {"provider", "variants"}
    assert {key for key in keys if not re.search(rf"`(?:talos_cluster)?\.{key}\b", page)} == set()
