# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids of schematics, against those that the Image Factory's own tests know."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.extensions import schematic
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.schematic import Schematic

# Source: siderolabs/image-factory:pkg/schematic/schematic_test.go.
KNOWN = [
    (Schematic(), "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba", ""),
    (
        Schematic(overlay="rpi_generic", overlay_image="siderolabs/sbc-raspberrypi"),
        "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
        "",
    ),
    (Schematic(kernel_args=("noapic", "nolapic")), "9cba8e32", "77d9a06c"),
    (Schematic(meta={10: "foo"}), "d308a2a5", "459a7f"),
]


@pytest.mark.parametrize(("given", "begin", "end"), KNOWN)
def test_ids_are_those_of_the_factory(given: Schematic, begin: str, end: str) -> None:
    assert given.id.startswith(begin)
    assert given.id.endswith(end)
    assert len(given.id) == 64


def test_order_of_extensions_is_part_of_the_id() -> None:
    assert Schematic(extensions=("a", "b")).id != Schematic(extensions=("b", "a")).id
    assert schematic(["b", "a"]) == (Schematic(extensions=("a", "b")).id, Schematic(extensions=("a", "b")).text)


def test_what_yaml_would_take_for_something_else_is_quoted() -> None:
    text = Schematic(kernel_args=("a=b", "-quiet", "true", "x: y", "0x1", "", "it's", "'x'")).text
    assert [line.strip() for line in text.splitlines()[2:]] == [
        "- a=b",
        "- -quiet",
        '- "true"',
        "- 'x: y'",
        '- "0x1"',
        '- ""',
        "- it's",
        "- '''x'''",
    ]
