# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of file: what is seen of a good one, and that each defect is seen."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import inspect, parse_name
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.tests.support import bootable_media as media

EXTENSIONS = {"drbd": "9.3.2-v1.13.9", "zfs": "2.4.3-v1.13.9", "spin": "v0.25.1"}


def seen(directory: Path, name: str, content: bytes) -> AssetFacts:
    """Return what is seen of a file."""
    path = directory / name
    path.write_bytes(content)
    return inspect(path)


def names(facts: AssetFacts) -> dict[str, str]:
    """Return name -> version of the extensions."""
    assert facts.extensions is not None
    return {extension.name: extension.version for extension in facts.extensions}


def uki(architecture: str = "arm64", inside: str | None = None) -> bytes:
    """Return a unified kernel image; *inside* is the architecture of its initramfs."""
    return media.uki(media.kernel(architecture), media.initramfs(inside or architecture, EXTENSIONS), architecture)


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
def test_kernel(tmp_path: Path, architecture: str) -> None:
    facts = seen(tmp_path, f"kernel-{architecture}", media.kernel(architecture))
    form = "EFI zboot (zstd)" if architecture == "arm64" else "PE"
    assert (facts.kind, facts.architecture, facts.form, facts.problems) == ("kernel", architecture, form, ())


def test_kernel_for_amd64_under_the_name_of_arm64(tmp_path: Path) -> None:
    assert seen(tmp_path, "kernel-arm64", media.kernel("amd64")).architecture == "amd64"


def test_kernel_whose_payload_is_for_something_else(tmp_path: Path) -> None:
    (problem,) = seen(tmp_path, "kernel-arm64", media.kernel("arm64", payload="amd64")).problems
    assert "inside the zboot image is not for arm64" in problem


def test_kernel_with_a_damaged_payload(tmp_path: Path) -> None:
    content = bytearray(media.kernel())
    content[0x200:0x204] = b"zstd"
    (problem,) = seen(tmp_path, "kernel-arm64", bytes(content)).problems
    assert "payload: neither xz, zstd nor gzip" in problem


@pytest.mark.parametrize("form", ["zstd", "xz", "gzip"])
def test_initramfs(tmp_path: Path, form: str) -> None:
    facts = seen(tmp_path, "initramfs-metal-arm64.xz", media.initramfs("arm64", EXTENSIONS, form=form))
    assert (facts.kind, facts.architecture, facts.problems) == ("initramfs", "arm64", ())
    assert facts.form == f"cpio (none, {form}, {form})"
    assert names(facts) == EXTENSIONS


def test_initramfs_without_extensions(tmp_path: Path) -> None:
    assert names(seen(tmp_path, "initramfs-metal-arm64.xz", media.initramfs("arm64"))) == {}


def test_initramfs_with_a_layer_that_is_only_listed(tmp_path: Path) -> None:
    facts = seen(tmp_path, "initramfs-metal-arm64.xz", media.initramfs("arm64", EXTENSIONS, leave_out=["zfs"]))
    assert facts.problems == ("extensions.yaml lists zfs.sqsh, which is not in the initramfs",)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[:-20], "cut off"),
        (lambda data: data[:400] + bytes([data[400] ^ 0xFF]) + data[401:], "damaged"),
        (lambda data: b"nonsense" * 40, "neither xz, zstd nor gzip"),
        (lambda data: b"", "empty"),
        (lambda data: lzma.compress(b"no archive" * 40), "no cpio archive"),
    ],
)
def test_damaged_initramfs(tmp_path: Path, damage: Callable[[bytes], bytes], problem: str) -> None:
    whole = media.initramfs("arm64", EXTENSIONS, form="xz")
    assert any(problem in line for line in seen(tmp_path, "initramfs-metal-arm64.xz", damage(whole)).problems)


def test_uki(tmp_path: Path) -> None:
    facts = seen(tmp_path, "metal-arm64-uki.efi", uki())
    assert (facts.kind, facts.architecture, facts.problems) == ("uki", "arm64", ())
    assert [(part.kind, part.architecture) for part in facts.inner] == [("kernel", "arm64"), ("initramfs", "arm64")]
    assert names(facts) == EXTENSIONS


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("metal-arm64.raw", lambda data: data),
        ("metal-arm64.raw.xz", lzma.compress),
        ("nocloud-arm64.raw.zst", zstandard.compress),
        ("metal-arm64.raw.gz", gzip.compress),
    ],
)
def test_disk_image(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    facts = seen(tmp_path, name, pack(media.disk(media.boot_partition("arm64", uki()))))
    assert (facts.kind, facts.architecture, facts.problems) == ("image", "arm64", ())
    assert [part.kind for part in facts.inner] == ["boot loader", "uki"]
    assert names(facts) == EXTENSIONS


def test_disk_image_with_the_boot_loader_of_another_architecture(tmp_path: Path) -> None:
    content = media.disk(media.boot_partition("arm64", uki(), loader="amd64"))
    assert seen(tmp_path, "metal-arm64.raw", content).architecture == "amd64"


def test_disk_image_with_an_initramfs_of_another_architecture(tmp_path: Path) -> None:
    facts = seen(tmp_path, "metal-arm64.raw", media.disk(media.boot_partition("arm64", uki("arm64", "amd64"))))
    assert {part.architecture for part in facts.parts() if part.kind == "initramfs"} == {"amd64"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (bytes(100_000), "no GUID partition table"),
        (media.disk(bytes(100_000)), "no FAT file system"),
        (lzma.compress(b"disk")[:-4], "cut off"),
    ],
)
def test_damaged_disk_image(tmp_path: Path, content: bytes, problem: str) -> None:
    facts = seen(tmp_path, "metal-arm64.raw", content)
    assert any(problem in line for line in facts.problems)


def test_disk_image_that_nothing_boots(tmp_path: Path) -> None:
    facts = seen(tmp_path, "metal-arm64.raw", media.disk(media.efi_file_system({"README": b"empty"})))
    assert any("no boot loader" in line for line in facts.problems)


def test_iso_image(tmp_path: Path) -> None:
    facts = seen(tmp_path, "metal-arm64.iso", media.iso(media.boot_partition("arm64", uki())))
    assert (facts.kind, facts.architecture, facts.problems) == ("iso", "arm64", ())
    assert names(facts) == EXTENSIONS


def test_iso_image_that_nothing_boots(tmp_path: Path) -> None:
    facts = seen(tmp_path, "metal-arm64.iso", media.iso(b"no file system" * 1000))
    assert any("no boot loader" in line for line in facts.problems)


def test_no_iso_image(tmp_path: Path) -> None:
    (problem,) = seen(tmp_path, "metal-arm64.iso", b"nonsense" * 100).problems
    assert "no readable ISO image" in problem


@pytest.mark.parametrize("oci", [False, True])
def test_installer(tmp_path: Path, oci: bool) -> None:
    files = {"vmlinuz": media.kernel(), "initramfs.xz": media.initramfs("arm64", EXTENSIONS)}
    facts = seen(tmp_path, "installer-arm64.tar", media.installer("arm64", files, oci=oci))
    assert (facts.kind, facts.architecture, facts.problems) == ("installer", "arm64", ())
    assert facts.form == ("OCI archive" if oci else "docker archive")
    assert names(facts) == EXTENSIONS


def test_installer_with_a_unified_kernel_image(tmp_path: Path) -> None:
    facts = seen(tmp_path, "installer-arm64.tar", media.installer("arm64", {"vmlinuz.efi": uki()}))
    assert names(facts) == EXTENSIONS


def test_installer_with_nothing_to_install(tmp_path: Path) -> None:
    assert any(
        "no boot files" in line for line in seen(tmp_path, "installer-arm64.tar", media.installer("arm64", {})).problems
    )


def test_no_installer(tmp_path: Path) -> None:
    (problem,) = seen(tmp_path, "installer-arm64.tar", b"nonsense" * 200).problems
    assert "no readable image archive" in problem


@pytest.mark.parametrize(
    ("name", "kind", "architecture"),
    [
        ("kernel-arm64", "kernel", "arm64"),
        ("initramfs-metal-arm64.xz", "initramfs", "arm64"),
        ("initramfs-amd64.xz", "initramfs", "amd64"),
        ("metal-arm64.iso", "iso", "arm64"),
        ("metal-rpi_generic-arm64.raw.xz", "unknown", ""),
        ("nocloud-amd64.raw.xz", "image", "amd64"),
        ("metal-arm64-secureboot-uki.efi", "uki", "arm64"),
        ("installer-arm64.tar", "installer", "arm64"),
        ("checksums.sha256", "unknown", ""),
    ],
)
def test_names(name: str, kind: str, architecture: str) -> None:
    found = parse_name(name)
    assert (found.kind, found.architecture) == (kind, architecture)
