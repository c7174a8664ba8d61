# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of an image as a build leaves it: files, profiles, manifest and checksums."""

from __future__ import annotations

import functools
import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.tests.support import bootable_media as media

TALOS = "v1.13.9"
EXTENSIONS = {"drbd": "9.3.2-v1.13.9", "zfs": "2.4.3-v1.13.9", "spin": "v0.25.1"}
FILES = {
    "kernel": "kernel-arm64",
    "initramfs": "initramfs-metal-arm64.xz",
    "iso": "metal-arm64.iso",
    "installer": "installer-arm64.tar",
    "metal": "metal-arm64.raw.xz",
}


@functools.cache
def contents(architecture: str = "arm64", extensions: tuple[tuple[str, str], ...] = tuple(EXTENSIONS.items())) -> Any:
    """Return kind -> bytes of an image, made once."""
    kernel = media.kernel(architecture)
    initramfs = media.initramfs(architecture, dict(extensions))
    partition = media.boot_partition(architecture, media.uki(kernel, initramfs, architecture))
    return {
        "kernel": kernel,
        "initramfs": initramfs,
        "iso": media.iso(partition),
        "installer": media.installer(architecture, {"vmlinuz": kernel, "initramfs.xz": initramfs}),
        "metal": lzma.compress(media.disk(partition), preset=0),
    }


def reference(name: str, version: str) -> str:
    """Return the reference of an extension's image."""
    return f"ghcr.io/siderolabs/{name}:{version}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def profile(kind: str, architecture: str = "arm64") -> str:
    """Return an imager profile."""
    lines = [f"arch: {architecture}", "platform: metal", "secureboot: false", f"version: {TALOS}", "input:"]
    lines += ["  systemExtensions:"]
    lines += [f"    - imageRef: {reference(name, version)}" for name, version in EXTENSIONS.items()]
    return "\n".join([*lines, "output:", f"  kind: {kind}", "  outFormat: raw"]) + "\n"


def write_tree(directory: Path) -> Path:
    """Write a whole, good image and return its directory."""
    directory.mkdir(parents=True)
    for kind, content in contents().items():
        (directory / FILES[kind]).write_bytes(content)
    (directory / "profiles").mkdir()
    for kind in FILES:
        (directory / "profiles" / f"{kind}.yaml").write_text(profile(kind), encoding="utf-8")
    write_manifest(directory)
    write_checksums(directory)
    return directory


def write_manifest(directory: Path) -> None:
    """Write the manifest of what is in the directory."""
    files = [
        {"kind": kind, "name": name, "size": (directory / name).stat().st_size, "sha256": digest(directory / name)}
        for kind, name in FILES.items()
        if (directory / name).is_file()
    ]
    extensions = [
        {"name": name, "version": version, "reference": reference(name, version)}
        for name, version in EXTENSIONS.items()
    ]
    profiles = {path.name: digest(path) for path in sorted(directory.glob("profiles/*.yaml"))}
    data = {
        "architecture": "arm64",
        "talos_version": TALOS,
        "extensions": extensions,
        "files": files,
        "profiles": profiles,
    }
    (directory / "manifest.json").write_text(json.dumps(data), encoding="utf-8")


def write_checksums(directory: Path) -> None:
    """Write the checksums of what is in the directory."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "checksums.sha256")
    lines = [f"{digest(path)}  {path.relative_to(directory).as_posix()}\n" for path in paths]
    (directory / "checksums.sha256").write_text("".join(lines), encoding="utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 of a small file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
