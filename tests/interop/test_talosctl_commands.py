# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of commands names every command that talosctl has, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.homelab.talos.tests.support.talosctl import Talosctl
from ansible_collections.homelab.talos.tests.support.talosctl_table import Row, load_table, table_problems

# Sections of talosctl's help that list no commands.
OTHER_SECTIONS = ("Usage:", "Aliases:", "Examples:", "Flags:", "Global Flags:")


def subcommands(text: str) -> list[str]:
    """Return the commands that a page of talosctl's help lists."""
    found, listing = [], False
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z].*:", line):
            listing = line not in OTHER_SECTIONS
        elif listing and (command := re.match(r"  ([a-z][a-z0-9-]*) +\S", line)):
            found.append(command[1])
    return [name for name in found if name != "help"]


def commands(talosctl: Talosctl, *path: str) -> Iterator[str]:
    """Yield the commands of talosctl that have no further ones."""
    done = talosctl.run(*path, "--help")
    assert done.returncode == 0, done.stderr
    below = subcommands(done.stdout)
    if not below:
        yield " ".join(path)
    for name in below:
        yield from commands(talosctl, *path, name)


def test_the_table_names_every_command(talosctl: Talosctl) -> None:
    known = set(commands(talosctl))
    assert len(known) > 80
    assert {row.command for row in load_table()} ^ known == set()


def test_help_without_commands_lists_none() -> None:
    assert subcommands("Shows x\n\nUsage:\n  talosctl x\n\nFlags:\n  -h, --help   help\n") == []
    page = "Available Commands:\n  one         does\n  help        Help\n\nExamples:\n  two         x\n"
    assert subcommands(page) == ["one"]


def test_a_row_that_proves_nothing_is_seen() -> None:
    rows = [Row("a", "maybe"), Row("b", "refused", run="b"), Row("c", "works"), Row("d", "not run", run="d", why="x")]
    assert len(table_problems(rows)) == 4
