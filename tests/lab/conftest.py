# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of two machines, and the lab's own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(__file__).parents[2]
Lab = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Run a command of the lab and return what came of it; fails when it takes longer than the limit."""

    def run(*arguments: str, check: bool = True, limit: float = 180) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "lab" / "__main__.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
        if check and done.returncode != 0:
            pytest.fail(f"lab {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    return run


def description(name: str, third: int) -> dict[str, Any]:
    """Return the description of a lab of two machines in 198.18.<third>.0/24."""
    nodes = [
        {"name": "cp1", "address": f"198.18.{third}.11", "extensions": ["drbd", "spin", "zfs"]},
        {"name": "gw1", "address": f"198.18.{third}.12", "extensions": ["drbd", "spin", "tailscale", "zfs"]},
    ]
    return {"name": name, "subnet": f"198.18.{third}.0/24", "talos_version": "v1.13.9", "nodes": nodes}


@pytest.fixture
def described(tmp_path: Path, lab: Lab) -> Iterator[Callable[[str, int], str]]:
    """Write descriptions of labs; each lab is taken down at the end, also when the test failed."""
    names = []

    def write(name: str, third: int) -> str:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(description(name, third)), encoding="utf-8")
        names.append(name)
        return str(path)

    yield write
    for name in names:
        lab("down", name)
