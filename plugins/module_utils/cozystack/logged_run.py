# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a program that takes its time, its output in a file, and ending it with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

LAST_LINES = 8
_LAST_BYTES = 64 * 1024
_END_SECONDS = 10.0


def run_logged(
    command: Sequence[str],
    environment: Mapping[str, str],
    stream: IO[bytes],
    limit: float,
    directory: Path | None = None,
) -> int | None:
    """Run a program in a process group of its own; return its exit status, None when it took too long.

    :param environment: the whole environment.
    :param stream: takes its output and its errors.
    :param limit: in seconds; then the whole process group is ended.
    :param directory: where it works; ours when left out.
    :raises OSError: it cannot be started.
    """
    with subprocess.Popen(
        command,
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=stream,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and everything it started: politely, then for good."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_END_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def last_lines(log: Path, start: int = 0) -> list[str]:
    """Return the last lines of a log that say something, from a byte position on."""
    with log.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(start, end - _LAST_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
