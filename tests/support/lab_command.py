# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own command line, as tests call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_lab(*arguments: str, check: bool = True, limit: float = 180) -> subprocess.CompletedProcess[str]:
    """Run a command of the lab and return what came of it.

    Fails the test when *check* is set and the exit status is not 0; raises ``subprocess.TimeoutExpired`` after *limit*
    seconds.
    """
    command = [sys.executable, str(ROOT / "lab" / "__main__.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    if check and done.returncode != 0:
        pytest.fail(f"lab {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done
