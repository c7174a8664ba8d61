# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of extensions of a Talos version, from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.extension_list import parse_list, read_list
from ansible_collections.homelab.talos.tests.support.cozystack_tree import digest

ZFS = f"ghcr.io/siderolabs/zfs:2.4.3-v1.13.6@{digest('zfs')}"
SPIN = f"ghcr.io/siderolabs/spin:v0.25.1@{digest('spin')}"


def test_a_name_leads_to_its_pinned_reference() -> None:
    listed = parse_list(f"{SPIN}\n\n{ZFS}\n", "list", "v1.13.6")
    assert listed.reference("zfs").text == ZFS
    assert listed.reference("spin").digest == digest("spin")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "list: lists no extension"),
        ("zfs\n", "list:1: zfs is no reference of an image"),
        (f"{SPIN}\nghcr.io/siderolabs/zfs:2.4.3-v1.13.6\n", "list:2: .* has no digest"),
        (f"{SPIN}\n{SPIN}\n", "list:2: extension spin is listed twice"),
        (ZFS[:-1], "list:1: .* is no reference of an image"),
        (ZFS.replace("v1.13.6", "v1.12.1"), "list: is not the list of Talos v1.13.6: zfs has the tag 2.4.3-v1.12.1"),
    ],
)
def test_a_list_that_cannot_be_used_is_named_with_its_line(text: str, cause: str) -> None:
    with pytest.raises(BuildError, match=cause):
        parse_list(text, "list", "v1.13.6")


def test_an_extension_that_the_version_lacks_is_named() -> None:
    with pytest.raises(BuildError, match="list: extension spin does not exist for Talos v1.13.6"):
        parse_list(ZFS, "list", "v1.13.6").reference("spin")


def test_a_misspelt_extension_gets_a_suggestion() -> None:
    with pytest.raises(BuildError, match='did you mean "zfs"'):
        parse_list(ZFS, "list", "v1.13.6").reference("zfs1")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="gone: No such file or directory"):
        read_list(tmp_path / "gone", "v1.13.6")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(BuildError, match="binary: is not text"):
        read_list(tmp_path / "binary", "v1.13.6")
