# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive in which a node hands out its kubeconfig."""

from __future__ import annotations

import io
import tarfile

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_kubeconfig import (
    KubeconfigArchiveError,
    unpack_kubeconfig,
)


def archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as files:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        files.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_the_file_is_unpacked() -> None:
    assert unpack_kubeconfig(archive("kubeconfig", b"kind: Config\n"), "cp1") == "kind: Config\n"


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", archive("other", b"x"), archive("kubeconfig", b"\xff\xfe"), archive("kubeconfig", b"x")[:20]],
)
def test_anything_else_is_an_error_that_names_the_node(data: bytes) -> None:
    with pytest.raises(KubeconfigArchiveError) as raised:
        unpack_kubeconfig(data, "cp1")
    assert str(raised.value) == f"cp1: answered with {len(data)} bytes that hold no kubeconfig; ask again"
