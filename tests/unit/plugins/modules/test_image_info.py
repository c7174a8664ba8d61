# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""image_info: what is inside, and what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.modules import image_info
from ansible_collections.homelab.talos.tests.support import bootable_media as media
from ansible_collections.homelab.talos.tests.support import image_tree

NAMES = list(image_tree.EXTENSIONS)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return image_tree.write_tree(tmp_path / "arm64/compute")


def test_a_good_directory(run_module: Any, tree: Path) -> None:
    result = run_module(image_info, path=str(tree), architecture="arm64", extensions=NAMES, verify=True)
    assert (result["exit_status"], result["changed"], result["valid"], result["findings"]) == (0, False, True, [])
    assert {asset["path"]: asset["architecture"] for asset in result["assets"]} == dict.fromkeys(
        image_tree.FILES.values(), "arm64"
    )
    assert result["manifest"]["talos_version"] == image_tree.TALOS


def test_one_file(run_module: Any, tree: Path) -> None:
    result = run_module(image_info, path=str(tree / "initramfs-metal-arm64.xz"))
    (asset,) = result["assets"]
    assert {item["name"]: item["version"] for item in asset["extensions"]} == image_tree.EXTENSIONS
    assert result["valid"]


def test_a_file_of_another_name(run_module: Any, tree: Path) -> None:
    (tree / "kernel-arm64").rename(tree / "vmlinuz")
    result = run_module(image_info, path=str(tree / "vmlinuz"))
    assert result["exit_status"] == 1
    assert "its name does not say what it is; give kind, one of kernel, initramfs" in result["msg"]
    assert run_module(image_info, path=str(tree / "vmlinuz"), kind="kernel")["assets"][0]["architecture"] == "arm64"


def test_an_amd64_kernel_under_the_name_of_arm64(run_module: Any, tree: Path) -> None:
    (tree / "kernel-arm64").write_bytes(media.kernel("amd64"))
    told = run_module(image_info, path=str(tree / "kernel-arm64"))
    assert (told["exit_status"], told["valid"]) == (0, False)
    failed = run_module(image_info, path=str(tree / "kernel-arm64"), verify=True)
    assert failed["exit_status"] == 1
    assert "kernel-arm64: kernel is for amd64, not for arm64; build the image again" in failed["msg"]
    assert [finding["id"] for finding in failed["findings"]] == ["image.architecture"]


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        ([*NAMES, "tailscale"], "system extension tailscale is not in it"),
        (NAMES[:2], "system extension spin v0.25.1 is in it and was not asked for"),
        (["drbd", "zfs", "spin:v0.1.0"], "system extension spin is v0.25.1, not v0.1.0"),
        (["drbd", "drbd"], "'drbd' is there twice"),
        ([":1"], "':1' is no name of an extension"),
    ],
)
def test_other_extensions(run_module: Any, tree: Path, extensions: list[str], message: str) -> None:
    result = run_module(image_info, path=str(tree), extensions=extensions, verify=True)
    assert result["exit_status"] == 1
    assert message in result["msg"]


def test_a_flipped_byte(run_module: Any, tree: Path) -> None:
    path = tree / "metal-arm64.iso"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    result = run_module(image_info, path=str(tree), verify=True)
    assert result["exit_status"] == 1
    assert {finding["id"] for finding in result["findings"]} == {"image.checksum-differs", "image.manifest-differs"}


def test_what_is_not_there(run_module: Any, tmp_path: Path) -> None:
    gone = run_module(image_info, path=str(tmp_path / "gone"))
    assert "gone: does not exist; build the image" in gone["msg"]
    (tmp_path / "empty").mkdir()
    assert "holds no file of an image and no manifest" in run_module(image_info, path=str(tmp_path / "empty"))["msg"]
    assert "leave kind out" in run_module(image_info, path=str(tmp_path / "empty"), kind="iso")["msg"]


def test_what_is_no_file_is_refused_and_not_waited_for(run_module: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kernel-arm64")
    result = run_module(image_info, path=str(tmp_path / "kernel-arm64"))
    assert result["exit_status"] == 1
    assert "kernel-arm64: is neither a file nor a directory; give the path of an image" in result["msg"]


def test_a_link_that_leads_to_itself_is_named(run_module: Any, tmp_path: Path) -> None:
    (tmp_path / "kernel-arm64").symlink_to("kernel-arm64")
    result = run_module(image_info, path=str(tmp_path / "kernel-arm64"))
    assert result["exit_status"] == 1
    assert "kernel-arm64: is a symbolic link that leads nowhere; correct it" in result["msg"]


def test_a_link_in_the_place_of_a_file(run_module: Any, tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "kernel"
    (tree / "kernel-arm64").rename(outside)
    (tree / "kernel-arm64").symlink_to(outside)
    result = run_module(image_info, path=str(tree))
    assert [(each["id"], each["path"]) for each in result["findings"]] == [("image.link", "kernel-arm64")]
    assert not result["valid"]


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        *map(
            json.dumps,
            (
                {"files": [1]},
                {"files": "kernel"},
                {"files": {"kernel": 1}},
                {"extensions": [1]},
                {"profiles": ["kernel"]},
            ),
        ),
    ],
    ids=["deep", "file-number", "files-text", "files-mapping", "extension-number", "profiles-list"],
)
def test_a_manifest_of_another_shape(run_module: Any, tree: Path, content: str) -> None:
    (tree / "manifest.json").write_text(content, encoding="utf-8")
    image_tree.write_checksums(tree)
    result = run_module(image_info, path=str(tree))
    assert [each["id"] for each in result["findings"]] == ["image.manifest-unreadable"]
