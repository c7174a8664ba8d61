# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generated profile says what was asked for; one planted defect each is found with file and line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.boards import board_overlay
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import image_reference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profile_check import (
    check_executables,
    check_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition, render_profile
from ansible_collections.homelab.talos.tests.support.cozystack_tree import digest

SPIN, ZFS = (f"ghcr.io/siderolabs/{name}@{digest(name)}" for name in ("spin:v0.25.1", "zfs:2.4.3-v1.13.6"))
DEFINITION = ImageDefinition("arm64", "v1.13.6", (image_reference(ZFS), image_reference(SPIN)))
PATH = "packages/core/talos/images/talos/profiles/iso.yaml"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_a_generated_profile_is_right(kind: str, architecture: str) -> None:
    board = replace(DEFINITION, kernel_args=("a=1", 'b="2"'), overlay=board_overlay("rpi_generic"))
    for definition in (DEFINITION, board, replace(DEFINITION, extensions=())):
        wanted = replace(definition, architecture=architecture)
        assert check_profile(kind, render_profile(kind, wanted), PATH, wanted) == []


def test_kernel_arguments_and_overlay_are_only_where_the_imager_takes_them() -> None:
    board = replace(DEFINITION, kernel_args=("a=1",), overlay=board_overlay("rpi_generic"))
    texts = {kind: render_profile(kind, board) for kind in KINDS}
    assert {kind for kind, text in texts.items() if "extraKernelArgs" in text} == {
        "iso",
        "installer",
        "metal",
        "nocloud",
    }
    assert {kind for kind, text in texts.items() if "overlay:" in text} == {"installer", "metal"}
    assert {kind for kind, text in texts.items() if "bootloader: grub" in text} == {"metal"}


# Old text -> new text: finding, line of the text, words of the message.
DEFECTS = [
    ("arch: arm64", "arch: amd64", "profile-architecture", 3, "amd64 is left"),
    ("/arm64/vmlinuz", "/amd64/vmlinuz", "profile-architecture", 9, "amd64 is left"),
    ("/arm64/initramfs", "/amd64/initramfs", "profile-architecture", 11, "amd64 is left"),
    ("/usr/install/arm64/vmlinuz", "/usr/install/vmlinuz", "profile-value", 9, "input.kernel.path"),
    ("version: v1.13.6", 'version: "v1.13.6"', "profile-version", 6, 'make reads the version "v1.13.6"'),
    ("version: v1.13.6", "version: v1.13.7", "profile-version", 6, "make reads the version v1.13.7"),
    ("version: v1.13.6", "version: v1.13.6\nversion: v1.13.6", "profile-syntax", 0, "given twice"),
    ("installer:v1.13.6", "installer:v1.12.0", "profile-value", 13, "baseInstaller"),
    (f"    - imageRef: {SPIN}\n", "", "profile-extension", 14, "spin.* is missing"),
    (
        f"    - imageRef: {SPIN}\n",
        f"    - imageRef: {SPIN}\n    - imageRef: {SPIN}\n",
        "profile-duplicate",
        17,
        "extension spin is listed twice",
    ),
    (digest("spin:v0.25.1"), digest("other"), "profile-extension", 16, "was not asked for"),
    ("outFormat: raw", "outFormat: .xz", "profile-value", 20, "output.outFormat"),
    ("secureboot: false", "secureboot: true", "profile-value", 5, "secureboot"),
    ("platform: metal", "platform: nocloud", "profile-value", 4, "platform"),
    ("input:\n", "inputs: 1\ninput:\n", "profile-key", 7, "key inputs is not known"),
    ("kind: iso", "kind: [iso", "profile-syntax", 0, "iso.yaml"),
]


@pytest.mark.parametrize(("old", "new", "rule", "line", "words"), DEFECTS)
def test_a_defect_is_found_with_file_and_line(old: str, new: str, rule: str, line: int, words: str) -> None:
    text = render_profile("iso", DEFINITION)
    assert text.count(old) == 1, "the defect is planted once"
    findings = check_profile("iso", text.replace(old, new), PATH, DEFINITION)
    found = [each for each in findings if each.id == f"image.{rule}"]
    assert found, findings
    assert any(re.search(words, each.message) for each in found), findings
    if line:
        assert any(each.path == f"{PATH}:{line}" for each in found), findings


def test_a_lost_executable_bit_is_found(tmp_path: Path) -> None:
    script = tmp_path / "hack/gen-profiles.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    expected = {"hack/gen-profiles.sh": True}
    assert check_executables(tmp_path, expected) == []
    script.chmod(0o644)
    (finding,) = check_executables(tmp_path, expected)
    assert finding.id == "image.executable-bit"
    assert finding.path == f"{script}:1"
