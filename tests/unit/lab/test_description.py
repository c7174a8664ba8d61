# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab description is refused before anything is started."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.errors import LabError

GOOD: dict[str, Any] = {
    "name": "unit",
    "subnet": "198.18.9.0/24",
    "talos_version": "v1.13.9",
    "nodes": [
        {"name": "cp1", "address": "198.18.9.11", "extensions": ["drbd"]},
        {"name": "gw1", "address": "198.18.9.12", "extensions": ["drbd", "tailscale"]},
    ],
}


def changed(**values: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **values}


def test_a_good_description_is_read_back_from_what_it_writes(tmp_path: Path) -> None:
    description = LabDescription.from_mapping(GOOD)
    path = tmp_path / "lab.json"
    path.write_text(description.to_json(), encoding="utf-8")
    assert LabDescription.from_file(path) == description
    assert [node.name for node in description.nodes] == ["cp1", "gw1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "a lab description is a mapping"),
        (changed(extra=1), "key 'extra' is not known"),
        ({key: value for key, value in GOOD.items() if key != "subnet"}, "key 'subnet' is missing"),
        (changed(name="Not A Name"), "name 'Not A Name' is not a lab name"),
        (changed(name="../../etc"), "name '../../etc' is not a lab name"),
        (changed(subnet="192.168.1.0/24"), "subnet 192.168.1.0/24 is not a part of 198.18.0.0/15"),
        (changed(subnet="198.18.9.1/24"), "has host bits set"),
        (changed(nodes=[]), "the lab has no nodes"),
        (changed(nodes=[{"name": "router", "address": "198.18.9.11"}]), "node name 'router' cannot be used"),
        (changed(nodes=[{"name": "a", "address": "198.18.8.11"}]), "address 198.18.8.11 is not in 198.18.9.0/24"),
        (changed(nodes=[{"name": "a", "address": "198.18.9.1"}]), "address 198.18.9.1 belongs to the router"),
        (changed(nodes=[{"name": "a", "address": "198.18.9.2"}]), "address 198.18.9.2 belongs to the host"),
        (changed(nodes=[*GOOD["nodes"], GOOD["nodes"][0]]), "two nodes are called cp1"),
        (
            changed(nodes=[*GOOD["nodes"], {"name": "b", "address": "198.18.9.11"}]),
            "address 198.18.9.11 belongs to node cp1",
        ),
    ],
)
def test_a_wrong_description_is_refused_with_its_cause(content: Any, expected: str) -> None:
    with pytest.raises(LabError) as caught:
        LabDescription.from_mapping(content)
    assert expected in str(caught.value)
    assert caught.value.remedy


def test_a_broken_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("name: unit\nnodes: [\n", encoding="utf-8")
    with pytest.raises(LabError, match=rf"{path} line 3: not valid YAML or JSON"):
        LabDescription.from_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="No such file or directory"):
        LabDescription.from_file(tmp_path / "none.json")


IMAGE = {"key": "arm64/compute", "architecture": "arm64", "content": "0" * 64, "built": "2026-11-20T12:00:00+00:00"}


def test_a_node_that_stands_for_an_image_says_that_it_is_not_executed(tmp_path: Path) -> None:
    content = changed()
    content["nodes"][0].update(image=IMAGE, extensions=[{"name": "drbd", "version": "9.3.2-v1.13.6"}])
    description = LabDescription.from_mapping(content)
    one, other = description.nodes
    assert one.image_note == f"image arm64, node {one.arch} (not executed)"
    assert other.image_note == ""
    assert one.extensions[0].version == "9.3.2-v1.13.6"
    (tmp_path / "lab.json").write_text(description.to_json(), encoding="utf-8")
    assert LabDescription.from_file(tmp_path / "lab.json") == description


@pytest.mark.parametrize("image", ["arm64", {"key": "x"}, {**IMAGE, "colour": "red"}])
def test_an_image_that_is_not_described_is_refused(image: Any) -> None:
    content = changed()
    content["nodes"][0]["image"] = image
    with pytest.raises(LabError, match="cp1: the image is not described correctly"):
        LabDescription.from_mapping(content)
