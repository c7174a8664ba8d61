# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of documentation say what the code does."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import (
    Cluster,
    ExtensionService,
    Install,
    Network,
    Node,
    Tailnet,
    Variant,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import FLAVOURS, Flavour
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.inventory import (
    KNOWN_VARIABLES,
    OTHER_VARIABLES,
)
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
    code = "\n".join(re.findall(r"`[^`\n]+`|^\$ .*$", page.read_text(), re.MULTILINE))
    assert set(TARGET.findall(code)) - targets() == set()


def missing_targets(page: str) -> set[str]:
    """Return the targets that ``make`` lists and a page does not."""
    listed = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(listed) - {"help"} - set(re.findall(r"`make ([a-z-]+)`", page))


def test_every_target_that_make_lists_is_documented() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert missing_targets(page) == set()
    assert missing_targets(page.replace("`make bench`", "")) == {"bench"}


def test_the_commands_of_the_project_exist() -> None:
    assert targets() >= {"setup", "mixed-role", "test", "test-all", "planted", "bench"}


INVENTORY = (ROOT / "docs/reference/inventory.md").read_text()
VARIABLE = re.compile(r"^\| `((?:talos_|erase)[^`]*)` \|", re.MULTILINE)
# Where operators write the keys of a mapping.
MAPPINGS: dict[str, tuple[str, ...]] = {
    "talos_cluster.": Cluster.KEYS,
    "talos_variants.<role>.": tuple(field.name for field in dataclasses.fields(Variant)),
    "talos_network.": Network.KEYS,
    "talos_install.": Install.KEYS,
    "talos_extension_services[].": tuple(field.name for field in dataclasses.fields(ExtensionService)),
    "talos_tailnet.": Tailnet.KEYS,
    "talos_": Node.KEYS,
}
# Keys with a variable of their own, with another name, and those that follow from the host's name and groups.
RENAMED = {
    "talos_cluster.provider": ["talos_provider"],
    "talos_cluster.variants": [],
    "talos_network": [],
    "talos_install": [],
    "talos_tailnet": [],
    "talos_erase": ["erase"],
    "talos_name": [],
    "talos_machine_type": [],
    "talos_role": [],
    "talos_extensions": [],
}


def inventory_variables() -> set[str]:
    """Return every variable that an inventory may hold, keys of mappings with their path."""
    paths = [prefix + key for prefix, keys in MAPPINGS.items() for key in keys]
    own = {variable for path in paths for variable in RENAMED.get(path, [path])}
    return own | set(OTHER_VARIABLES)


def test_every_variable_of_an_inventory_is_documented_and_no_other() -> None:
    assert set(VARIABLE.findall(INVENTORY)) == inventory_variables()


def test_every_variable_that_the_inventory_reads_is_documented() -> None:
    first = {re.split(r"[.\[]", variable)[0] for variable in VARIABLE.findall(INVENTORY)}
    assert first == {*KNOWN_VARIABLES, "erase"}


@pytest.mark.parametrize("key", ["talos_annotations", "talos_install.disk_selector", "talos_network.mtu"])
def test_a_variable_that_is_not_documented_is_seen(key: str) -> None:
    page = INVENTORY.replace(f"| `{key}` |", "| |")
    assert inventory_variables() - set(VARIABLE.findall(page)) == {key}


def flavour_row(key: str, flavour: Flavour) -> str:
    """Return the cell of the table of flavours for one key."""
    if key in ("proxy", "coredns"):
        return "disabled" if getattr(flavour, f"{key}_disabled") else "deployed"
    value = getattr(flavour, key)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "; ".join(f"{host}: {', '.join(urls)}" for host, urls in value.items())
    return str(value) if isinstance(value, str) else ", ".join(value)


def test_the_documented_defaults_are_those_of_the_flavours() -> None:
    table = INVENTORY.split("| key of `talos_cluster` |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    fields = {field.name.removesuffix("_disabled") for field in dataclasses.fields(Flavour)}
    assert {row[0].strip("`") for row in rows} == fields - {"name", "machine", "controlplane"}
    for key, *cells in rows:
        assert cells == [flavour_row(key.strip("`"), FLAVOURS[name]) for name in ("plain", "cozystack")], key
