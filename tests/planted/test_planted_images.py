# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule about built images: silent about a good image, alone in reporting its defect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.tree import read_tree
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_files import ImageExpectation
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_tree import judge_tree
from ansible_collections.homelab.talos.tests.planted.checks import RULES, catalogue_problems
from ansible_collections.homelab.talos.tests.support import bootable_media as media
from ansible_collections.homelab.talos.tests.support import image_tree

pytestmark = pytest.mark.layer("L1")

IDS = re.compile(r"``(image\.[a-z-]+)``")


def kernel_for_amd64(tree: Path) -> None:
    (tree / "kernel-arm64").write_bytes(media.kernel("amd64"))
    sealed(tree)


def sealed(tree: Path) -> None:
    """Make manifest and checksums fit what is there, as a builder that is wrong would."""
    image_tree.write_manifest(tree)
    image_tree.write_checksums(tree)


def initramfs_with(tree: Path, extensions: dict[str, str]) -> None:
    (tree / "initramfs-metal-arm64.xz").write_bytes(media.initramfs("arm64", extensions))
    sealed(tree)


def initramfs_cut_off(tree: Path) -> None:
    path = tree / "initramfs-metal-arm64.xz"
    path.write_bytes(path.read_bytes()[:-30])
    sealed(tree)


def disk_without_boot_files(tree: Path) -> None:
    boot = {"EFI/BOOT/BOOTAA64.EFI": bytes(media.pe_header("arm64"))}
    (tree / "metal-arm64.raw.xz").unlink()
    (tree / "metal-arm64.raw").write_bytes(media.disk(media.efi_file_system(boot)))
    image_tree.write_checksums(tree)
    text = (tree / "manifest.json").read_text(encoding="utf-8").replace("metal-arm64.raw.xz", "metal-arm64.raw")
    old = hashlib.sha256(image_tree.contents()["metal"]).hexdigest()
    text = text.replace(old, image_tree.digest(tree / "metal-arm64.raw"))
    (tree / "manifest.json").write_text(text, encoding="utf-8")
    image_tree.write_checksums(tree)


def flipped_byte(tree: Path) -> None:
    path = tree / "profiles/kernel.yaml"
    path.write_bytes(path.read_bytes().replace(b"secureboot", b"secureBoot"))


def file_gone(tree: Path) -> None:
    (tree / "metal-arm64.iso").unlink()
    image_tree.write_manifest(tree)
    seal_manifest(tree)


def seal_manifest(tree: Path) -> None:
    """Make only the checksum of the manifest fit."""
    path = tree / "checksums.sha256"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.endswith("manifest.json")]
    lines.append(f"{image_tree.digest(tree / 'manifest.json')}  manifest.json")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def stale_profile(tree: Path) -> None:
    (tree / "profiles/iso.yaml").write_text(image_tree.profile("iso", architecture="amd64"), encoding="utf-8")
    sealed(tree)


def manifest_of_another_file(tree: Path) -> None:
    path = tree / "manifest.json"
    text = path.read_text(encoding="utf-8").replace(image_tree.digest(tree / "kernel-arm64"), "0" * 64)
    path.write_text(text, encoding="utf-8")
    image_tree.write_checksums(tree)


def without(tree: Path, name: str) -> None:
    (tree / name).unlink()
    if name != "checksums.sha256":
        image_tree.write_checksums(tree)


def broken_manifest(tree: Path) -> None:
    (tree / "manifest.json").write_text("{", encoding="utf-8")
    image_tree.write_checksums(tree)


def stray_file(tree: Path) -> None:
    (tree / "notes.txt").write_text("mine", encoding="utf-8")


def broken_line(tree: Path) -> None:
    with (tree / "checksums.sha256").open("a", encoding="utf-8") as stream:
        stream.write("a line that is no checksum\n")


def link_for_a_file(tree: Path) -> None:
    (tree / "kernel-arm64").rename(tree.parent / "kernel")
    (tree / "kernel-arm64").symlink_to("../kernel")


EXTENSIONS = image_tree.EXTENSIONS
DEFECTS: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "image.architecture": (kernel_for_amd64, set()),
    "image.unreadable": (initramfs_cut_off, set()),
    "image.extension-missing": (lambda tree: initramfs_with(tree, dict(list(EXTENSIONS.items())[:2])), set()),
    "image.extension-extra": (lambda tree: initramfs_with(tree, {**EXTENSIONS, "lldpd": "1.0.0"}), set()),
    "image.extension-version": (lambda tree: initramfs_with(tree, {**EXTENSIONS, "zfs": "2.3.0-v1.11.3"}), set()),
    "image.extensions-unknown": (disk_without_boot_files, set()),
    "image.checksum-differs": (flipped_byte, {"image.profile-stale"}),
    "image.checksum-missing": (stray_file, set()),
    "image.checksum-line": (broken_line, set()),
    "image.checksums-absent": (lambda tree: without(tree, "checksums.sha256"), set()),
    "image.file-missing": (file_gone, set()),
    "image.link": (link_for_a_file, set()),
    "image.manifest-absent": (lambda tree: without(tree, "manifest.json"), set()),
    "image.manifest-unreadable": (broken_manifest, set()),
    "image.manifest-differs": (manifest_of_another_file, set()),
    "image.profile-stale": (stale_profile, set()),
}


def found(tree: Path) -> set[str]:
    """Return the ids of all findings about a directory."""
    return {finding.id for finding in judge_tree(read_tree(tree), ImageExpectation())}


def test_a_good_image(tmp_path: Path) -> None:
    assert judge_tree(read_tree(image_tree.write_tree(tmp_path / "image")), ImageExpectation("arm64", EXTENSIONS)) == []


@pytest.mark.parametrize("identity", sorted(DEFECTS))
def test_exactly_the_rule_of_the_defect_speaks(tmp_path: Path, identity: str) -> None:
    tree = image_tree.write_tree(tmp_path / "image")
    plant, also = DEFECTS[identity]
    plant(tree)
    assert found(tree) == {identity, *also}


def test_every_rule_has_a_defect() -> None:
    files = [RULES / name for name in ("image_files.py", "image_tree.py")]  # of image_needs: image_needs.yml
    named = {rule for path in files for rule in IDS.findall(path.read_text(encoding="utf-8"))}
    assert catalogue_problems(named, set(DEFECTS)) == []
