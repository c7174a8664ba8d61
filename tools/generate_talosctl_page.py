# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/reference/talosctl.md from the table of talosctl's commands.

PYTHONPATH=.collections tools/run python tools/generate_talosctl_page.py > docs/reference/talosctl.md
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.homelab.talos.tests.support.talosctl_table import Row, load_table

INTRODUCTION = """\
# What talosctl can do with a lab

<!-- Written by tools/generate_talosctl_page.py from tests/interop/talosctl_commands.yml. Do not edit. -->

The real `talosctl` works with the emulated lab; how to get and use it is in
[use talosctl with the lab](../how-to/talosctl.md). This page lists every command that it has:

| answer | means |
|---|---|
| works | it does with a lab what it does with nodes |
| refused | the lab answers what a Talos node in the same state answers |
| not played | the lab says that it does not do this, mostly with `Unimplemented` and the reason |
| local | it asks no node |
| not run | no test runs it, for the reason that is given |

The scenario `mixed-role` runs every row that names a node or shows an output, against `cp1` (the control plane) and the
workers `node1`, `node2` and `gw1`. The last column is the regular expression that the output has to match.
`{workspace}` is the directory of the cluster's files and `{tmp}` an empty one.

| command | node | answer | |
|---|---|---|---|
"""


def page(rows: Iterable[Row]) -> str:
    """Return the text of the page."""
    order = sorted(rows, key=lambda row: (row.answer == "local" and not row.run, row.command))
    return INTRODUCTION + "".join(f"{row.markdown()}\n" for row in order)


if __name__ == "__main__":
    print(page(load_table()), end="")
