# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of this machine goes into an image with everything that it loads."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.engine import libraries
from ansible_collections.homelab.talos.lab.errors import LabError

LISTED = (
    "\tlinux-vdso.so.1 (0x00007f7dede4f000)\n"
    "\tlibnftables.so.1 => /lib/x86_64-linux-gnu/libnftables.so.1 (0x00007f7dedd5c000)\n"
    "\t/lib64/ld-linux-x86-64.so.2 (0x00007f7dede51000)\n"
)


@pytest.fixture
def ldd(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    answer: dict[str, Any] = {"returncode": 0, "stdout": LISTED, "stderr": ""}
    monkeypatch.setattr(libraries, "find_program", lambda name: Path("/usr/sbin") / name)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], **answer))
    return answer


def test_libraries_and_loader_keep_their_paths(ldd: dict[str, Any]) -> None:
    assert libraries.with_libraries("nft", "/usr/local/bin/nft") == {
        "/usr/local/bin/nft": Path("/usr/sbin/nft"),
        "/lib/x86_64-linux-gnu/libnftables.so.1": Path("/lib/x86_64-linux-gnu/libnftables.so.1"),
        "/lib64/ld-linux-x86-64.so.2": Path("/lib64/ld-linux-x86-64.so.2"),
    }


def test_a_missing_library_is_named(ldd: dict[str, Any]) -> None:
    ldd["stdout"] = LISTED + "\tlibmnl.so.0 => not found\n"
    with pytest.raises(LabError, match=r"/usr/sbin/nft lacks libmnl.so.0; install the package of nft again"):
        libraries.with_libraries("nft", "/nft")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(LabError, match="program no-such-program is missing"):
        libraries.with_libraries("no-such-program", "/x")
