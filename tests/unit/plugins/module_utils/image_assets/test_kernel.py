# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The architecture of a kernel is what its headers say, whatever the file is called."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.image_assets.kernel import (
    KernelHeader,
    read_kernel_header,
)
from ansible_collections.homelab.talos.tests.support import bootable_media as media


def pe_image(architecture: str, zboot: bool) -> bytes:
    """Return a kernel; without zboot as it was for arm64 before Talos 1.8."""
    if zboot or architecture == "amd64":
        return media.kernel(architecture)
    header = media.pe_header(architecture)
    header[0x38:0x3C] = b"ARM\x64"
    return bytes(header)


@pytest.mark.parametrize(
    ("architecture", "zboot", "form"),
    [("arm64", True, "EFI zboot (zstd)"), ("arm64", False, "Image"), ("amd64", False, "PE")],
)
def test_the_machine_word_decides(architecture: str, zboot: bool, form: str) -> None:
    assert read_kernel_header(pe_image(architecture, zboot)) == KernelHeader(architecture, form)


def test_another_machine_is_shown_as_a_number() -> None:
    data = bytearray(pe_image("arm64", True))
    data[0x84:0x86] = b"\x64\x50"
    assert read_kernel_header(bytes(data)).architecture == "unknown (0x5064)"


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF" + bytes(100), b"MZ" + bytes(100), b"MZ" + b"\xff" * 100])
def test_what_is_no_kernel_has_no_architecture(data: bytes) -> None:
    header = read_kernel_header(data)
    assert header.architecture == ""
    assert header.form.startswith("not a PE image")
