# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down when nodes reached Kubernetes Ready, machine ready and stage running: a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADINGS = ("NODE", "TYPE", "ROLE", "KUBERNETES READY", "MACHINE READY", "STAGE RUNNING")
CLOCKS = ("kubernetes_ready", "machine_ready", "stage_running")


def timing_lines(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the table, and below it why a cell holds no time.

    :param nodes: timings as ``BootTiming.to_dict`` gives them.
    """
    rows = [HEADINGS, *(_row(node) for node in nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for node in nodes:
        if node["error"]:
            lines.append(f"{node['name']}: cannot be asked: {node['error']}")
            continue
        reasons = dict.fromkeys(node[clock]["reason"] for clock in CLOCKS if node[clock]["reason"])
        lines += [f"{node['name']}: {reason}" for reason in reasons]
        lines += [f"{node['name']}: {wait['service']}: {wait['fix']}" for wait in node["waiting_for"]]
    return lines


def _row(node: Mapping[str, Any]) -> tuple[str, ...]:
    return (node["name"], node["machine_type"], node["role"], *(_cell(node[clock]) for clock in CLOCKS))


def _cell(clock: Mapping[str, Any] | None) -> str:
    if clock is None:
        return "?"
    if not clock["reached"]:
        return "not reached"
    return "reached" if clock["seconds"] is None else f"{clock['seconds']} s"
