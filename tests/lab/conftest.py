# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of two machines that are taken down after each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.support.lab_command import run_lab


def description(name: str, third: int) -> dict[str, Any]:
    """Return the description of a lab of two machines in 198.18.<third>.0/24."""
    nodes = [
        {"name": "cp1", "address": f"198.18.{third}.11", "extensions": ["drbd", "spin", "zfs"]},
        {"name": "gw1", "address": f"198.18.{third}.12", "extensions": ["drbd", "spin", "tailscale", "zfs"]},
    ]
    return {"name": name, "subnet": f"198.18.{third}.0/24", "talos_version": "v1.13.9", "nodes": nodes}


@pytest.fixture
def described(tmp_path: Path) -> Iterator[Callable[[str, int], str]]:
    """Write descriptions of labs; each lab is taken down at the end, also when the test failed."""
    names = []

    def write(name: str, third: int) -> str:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(description(name, third)), encoding="utf-8")
        names.append(name)
        return str(path)

    yield write
    for name in names:
        run_lab("down", name)
