# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a program of the machine to its end, with nothing on its standard input and its words as text."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


def call(
    command: Sequence[str], limit: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program and return what came of it.

    :param limit: in seconds.
    :param environment: the whole environment; ours when left out.
    :raises OSError: it cannot be started.
    :raises subprocess.TimeoutExpired: it took longer.
    """
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a program that failed said, or its exit status."""
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
