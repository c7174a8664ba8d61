# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the sessions of a page as a reader would, and comparing what is printed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LIMIT_SECONDS = 120.0
_SESSION = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
ANYTHING = "..."


@dataclass(frozen=True)
class Step:
    """A command, and the lines that the page shows as its output; ``...`` stands for any lines."""

    command: str
    output: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    """Yield the commands of all sessions of a page in their order."""
    for session in _SESSION.finditer(page):
        command, output = "", list[str]()
        for line in session[1].splitlines():
            if line.startswith(PROMPT):
                if command:
                    yield Step(command, tuple(output))
                command, output = line.removeprefix(PROMPT), []
            else:
                output.append(line)
        yield Step(command, tuple(output))


def run(step: Step, directory: Path, environment: Mapping[str, str]) -> str:
    """Run a command with bash; return what is wrong with it, empty when it works as the page says."""
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        return f"$ {step.command}: exit status {done.returncode}: {done.stdout}{done.stderr}"
    missing = first_missing(step.output, done.stdout.splitlines())
    return f"$ {step.command}: prints no line {missing!r} there: {done.stdout}" if missing else ""


def first_missing(shown: tuple[str, ...], printed: list[str]) -> str:
    """Return the first line that the page shows and the program did not print at that place, empty when all are there.

    Without ``...`` before it, a line must follow the one before.
    """
    place, gap = 0, False
    for line in shown:
        if line == ANYTHING:
            gap = True
            continue
        found = next((n for n, text in enumerate(printed[place:], place) if text.rstrip() == line.rstrip()), None)
        if found is None or (not gap and found != place):
            return line
        place, gap = found + 1, False
    return "" if gap or not shown or place == len(printed) else f"(nothing) instead of {printed[place]}"
