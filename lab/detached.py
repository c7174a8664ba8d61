# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the lab that run on when whoever started them has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def start_detached(module: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a module of the lab, by its name below ``lab``, in a session of its own; its output is added to *log*."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", f"ansible_collections.homelab.talos.lab.{module}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**os.environ, "PYTHONPATH": _collections_root()},
            start_new_session=True,
        )


def _collections_root() -> str:
    """Return the folder that holds ``ansible_collections``, as this program was found."""
    return str(Path(__file__).parents[4])
