# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of talosctl's commands: which work with a lab, and what the others are answered."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.homelab.talos.tests.support.talosctl import Answer

TABLE = Path(__file__).parents[1] / "interop/talosctl_commands.yml"
ANSWERS = ("works", "refused", "not played", "local", "not run")
SUCCEEDS = ("works", "local")


@dataclass(frozen=True)
class Row:
    """One row of ``tests/interop/talosctl_commands.yml``, which explains the keys."""

    command: str
    answer: str
    run: str = ""
    node: str = ""
    says: str = ""
    why: str = ""
    endless: bool = False

    def arguments(self, workspace: Path, empty: Path) -> list[str]:
        """Return the arguments of talosctl, with the cluster's directory and an empty one."""
        return shlex.split(self.run.replace("{workspace}", str(workspace)).replace("{tmp}", str(empty)))

    def problem(self, answer: Answer) -> str:
        """Return in which way an answer is another one, empty when it is that of the row."""
        text = answer.stdout + answer.stderr
        if (answer.returncode == 0) != (self.answer in SUCCEEDS):
            return f"exit status {answer.returncode}, although it is '{self.answer}': {text.strip()[:300]}"
        if not re.search(self.says, text):
            return f"does not say {self.says!r}: {text.strip()[:300]}"
        return ""

    def markdown(self) -> str:
        """Return the row as the documentation shows it."""
        shown = f"`{self.says}`" if self.says else self.why
        cells = (f"`{self.run or self.command}`", self.node, self.answer, shown)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def load_table(path: Path = TABLE) -> list[Row]:
    """Return the rows of the table.

    Raises ValueError when a row has an unknown answer, proves nothing, or gives no reason for not being run.
    """
    rows = [Row(**row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
    if problems := table_problems(rows):
        raise ValueError("; ".join(problems))
    return rows


def table_problems(rows: Iterable[Row]) -> list[str]:
    """Return what is wrong with rows."""
    problems = []
    for row in rows:
        if row.answer not in ANSWERS:
            problems.append(f"{row.command}: {row.answer!r} is no answer")
        elif row.answer in ("refused", "not played") and not (row.run and row.says):
            problems.append(f"{row.command}: a refusal is run and says something")
        elif row.answer in ("works", "not run") and not (row.run or row.why):
            problems.append(f"{row.command}: neither run, nor is there a reason")
        elif row.answer == "not run" and row.run:
            problems.append(f"{row.command}: it is run")
    return problems
