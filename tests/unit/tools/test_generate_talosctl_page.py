# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of talosctl's commands is what the table says."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.tests.support.talosctl_table import Row, load_table
from ansible_collections.homelab.talos.tools import generate_talosctl_page

PAGE = Path(__file__).parents[3] / "docs/reference/talosctl.md"


def test_the_page_is_that_of_the_table() -> None:
    command = "PYTHONPATH=.collections tools/run python tools/generate_talosctl_page.py > docs/reference/talosctl.md"
    assert PAGE.read_text(encoding="utf-8") == generate_talosctl_page.page(load_table()), f"write it again: {command}"


def test_a_row_shows_what_is_run_where_and_what_is_said() -> None:
    rows = [Row("get", "refused", run="get x", node="cp1", says="a|b"), Row("edit", "not run", why="opens an editor")]
    last = generate_talosctl_page.page(rows).splitlines()[-2:]
    assert last == ["| `edit` |  | not run | opens an editor |", "| `get x` | cp1 | refused | `a\\|b` |"]
