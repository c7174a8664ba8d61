# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles that are generated, read and validated by the imager's own code of the real Talos.

The program is built from the pinned Go modules of talosctl (tests/interop/talosctl); images are not built: that needs
the imager's container with its base files.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.engine import toolchain
from ansible_collections.homelab.talos.lab.engine.ensure import cache_directory, exclusive, print_progress
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import ImageReference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import KINDS
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import (
    ImageDefinition,
    Overlay,
    render_profile,
)
from ansible_collections.homelab.talos.tests.support import talosctl

SOURCE = talosctl.MODULES / "imager_profile"
SECONDS = 60
VARIANTS = {"compute": ("drbd", "zfs", "spin"), "gateway": ("drbd", "zfs", "spin", "tailscale")}
FILES = {
    "kernel": "kernel-{}",
    "initramfs": "initramfs-metal-{}.xz",
    "iso": "metal-{}.iso",
    "installer": "installer-{}.tar",
    "metal": "metal-{}.raw",
    "nocloud": "nocloud-{}.raw",
}


@pytest.fixture(scope="session")
def program() -> Path:
    """The program around the imager's code, built on first use."""
    cache = cache_directory()
    content = hashlib.sha256(talosctl.digest().encode() + (SOURCE / "main.go").read_bytes()).hexdigest()[:16]
    binary = cache / "imager-profile" / content / "imager_profile"
    binary.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(binary.parent / ".lock"):
        if not binary.exists():
            go = toolchain.ensure_go(cache, print_progress, talosctl.pinned()[1])
            options = ("-ldflags", "-s -w")
            toolchain.build(
                "imager_profile", go, talosctl.MODULES, "./imager_profile", binary, options, print_progress, os.environ
            )
    return binary


def reference(name: str) -> ImageReference:
    """Return a pinned reference of an extension."""
    return ImageReference(f"ghcr.io/siderolabs/{name}:v1@sha256:{hashlib.sha256(name.encode()).hexdigest()}", 1)


def definition(variant: str, architecture: str = "arm64", **more: Any) -> ImageDefinition:
    """Return what the image of a variant holds."""
    extensions = tuple(reference(name) for name in VARIANTS[variant])
    return ImageDefinition(architecture, talosctl.pinned()[0], extensions, **more)


def ask(program: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Return what the imager's code says of a profile."""
    return subprocess.run([program], input=text, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.parametrize("architecture", ["arm64", "amd64"])
@pytest.mark.parametrize("variant", sorted(VARIANTS))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_imager_reads_what_was_meant(program: Path, kind: str, variant: str, architecture: str) -> None:
    wanted = definition(variant, architecture)
    done = ask(program, render_profile(kind, wanted))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "output": FILES[kind].format(architecture),
        "format": KINDS[kind].out_format,
        "kind": KINDS[kind].kind,
        "arch": architecture,
        "version": wanted.talos_version,
        "kernel": f"/usr/install/{architecture}/vmlinuz",
        "initramfs": f"/usr/install/{architecture}/initramfs.xz",
        "extensions": [extension.text for extension in wanted.extensions],
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_imager_accepts_kernel_arguments_and_the_overlay_of_a_board(program: Path, kind: str) -> None:
    overlay = Overlay("rpi_generic", "ghcr.io/siderolabs/sbc-raspberrypi:v0.2.0", {"configTxtAppend": "a=1"})
    done = ask(program, render_profile(kind, definition("compute", kernel_args=("console=ttyAMA0",), overlay=overlay)))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "old", "new", "problem"),
    [
        ("metal", "arch: arm64", "arch: riscv", 'invalid arch "riscv"'),
        ("nocloud", "kind: image", "kind: nocloud", "nocloud does not belong to OutputKind values"),
        (
            "kernel",
            "input:",
            "customization: {extraKernelArgs: [a]}\ninput:",
            "kernel args is not supported for kernel",
        ),
        ("iso", "platform: metal", 'platform: ""', "platform is required"),
        ("installer", "  systemExtensions:", "  extensions:", "field extensions not found"),
    ],
)
def test_the_imager_refuses_a_profile_that_is_wrong(program: Path, kind: str, old: str, new: str, problem: str) -> None:
    text = render_profile(kind, definition("compute"))
    assert old in text
    done = ask(program, text.replace(old, new, 1))
    assert done.returncode == 1
    assert problem in done.stderr
