# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role image: which variants are built, what the list says, and the same images at the factory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter.image_entry import image_entry
from ansible_collections.homelab.talos.plugins.filter.image_factory import image_factory
from ansible_collections.homelab.talos.plugins.filter.image_variants import image_variants
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DEFAULT_TALOS_VERSION

DECLARED = {
    "compute": {"extensions": ["drbd", "spin", "zfs"], "installer_image": "registry.example.org/talos:v1"},
    "gateway": {"extensions": ["drbd", "spin", "tailscale", "zfs"]},
}
PI = {"pi": {"extensions": ["spin"], "board": "rpi_generic", "roles": ["compute"]}}


def names(plan: dict[str, Any]) -> list[str]:
    return [variant["key"] for variant in plan["variants"]]


def test_every_variant_of_the_inventory_and_further_ones() -> None:
    plan = image_variants(DECLARED, PI)
    assert names(plan) == ["arm64/compute", "arm64/gateway", "arm64/pi-rpi-generic"]
    assert (plan["remarks"], plan["problem"]) == ([], "")
    assert plan["variants"][0]["roles"] == ["compute"]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (["gateway"], ["arm64/gateway"]),
        (["pi"], ["arm64/pi-rpi-generic"]),
        (["compute"], ["arm64/compute", "arm64/pi-rpi-generic"]),
        (["controlplane"], ["arm64/compute", "arm64/pi-rpi-generic"]),
        (["worker"], ["arm64/compute", "arm64/gateway", "arm64/pi-rpi-generic"]),
    ],
)
def test_names_roles_and_machine_types_choose(select: list[str], expected: list[str]) -> None:
    assert names(image_variants(DECLARED, PI, select)) == expected


def test_the_architecture_is_part_of_the_name() -> None:
    assert names(image_variants(DECLARED, architecture="amd64")) == ["amd64/compute", "amd64/gateway"]


@pytest.mark.parametrize(
    ("declared", "select", "words"),
    [
        ({}, [], "there is no variant to build"),
        (DECLARED, ["storage"], "chooses no variant; variants are compute, gateway"),
        ({"compute": ["zfs"]}, [], "variant compute: expected a mapping"),
        ({"compute": {"extension": ["zfs"]}}, [], 'unknown key; did you mean "extensions"?'),
        ({"compute": {"extensions": "zfs"}}, [], "variant compute: extensions: expected a list"),
    ],
)
def test_what_cannot_be_built_is_one_line(declared: dict[str, Any], select: list[str], words: str) -> None:
    plan = image_variants(declared, select=select)
    assert words in plan["problem"]
    assert "\n" not in plan["problem"]
    assert plan["variants"] == []


def test_variants_that_hold_the_same_are_remarked() -> None:
    plan = image_variants({"compute": {"extensions": ["zfs"]}, "gateway": {"extensions": ["zfs"]}})
    assert plan["remarks"] == [
        "variants compute and gateway hold the same extensions (zfs): one image would do for both"
    ]


def result(found: str, **file: str) -> dict[str, Any]:
    manifest = {"built": "2026-11-20T12:00:00+00:00", "content": "ab" * 32, "talos_version": "v1.13.6"}
    files = [{"kind": "kernel", "name": "kernel-arm64", "state": "missing", "why": "it has not been built", **file}]
    return {
        "state": found,
        "key": "arm64/compute",
        "tag": "v1.13.6-compute-arm64",
        "directory": "/images/arm64/compute",
        "files": files,
        "manifest": {} if found == "missing" else manifest,
    }


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (result("missing"), "arm64/compute: missing: it has not been built"),
        (result("built"), "arm64/compute: built now, content abababababab"),
        (result("cached", state="cached"), "arm64/compute: cached 2026-11-20T12:00:00+00:00, content abababababab"),
        (result("stale", state="stale", why="recipe changed"), "arm64/compute: stale: recipe changed"),
        ({**result("missing"), "files": []}, "arm64/compute: missing: it has not been built"),
    ],
)
def test_the_list_says_built_cached_stale_or_missing(answer: dict[str, Any], line: str) -> None:
    entry = image_entry(answer, {"name": "compute", "roles": ["compute"]})
    assert entry["line"] == line
    assert (entry["name"], entry["directory"]) == ("compute", "/images/arm64/compute")


def test_the_factory_has_the_same_extensions() -> None:
    (compute, _gateway, pi) = image_variants(DECLARED, PI)["variants"]
    made = image_factory(compute, "v1.13.6")
    assert made["text"].splitlines()[-3:] == [f"            - siderolabs/{name}" for name in ("drbd", "spin", "zfs")]
    assert made["installer"] == f"factory.talos.dev/metal-installer/{made['schematic']}:v1.13.6"
    assert f"https://factory.talos.dev/image/{made['schematic']}/v1.13.6/kernel-arm64" in made["files"].values()
    board = image_factory(pi)
    assert board["talos_version"] == DEFAULT_TALOS_VERSION
    assert board["text"].startswith("overlay:\n    image: siderolabs/sbc-raspberrypi\n    name: rpi_generic\n")


def test_a_board_that_nobody_knows_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="board toaster: Talos has no overlay of that name"):
        image_factory({"name": "x", "extensions": [], "architecture": "arm64", "board": "toaster"})
