# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about the health checks is what their catalogue says."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import CHECK_IDS, Check
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import Observation
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import Verdict
from ansible_collections.homelab.talos.tools import generate_health_checks_page

PAGE = Path(__file__).parents[3] / "docs/reference/health-checks.md"
COMMAND = (
    "PYTHONPATH=.collections tools/run python tools/generate_health_checks_page.py > docs/reference/health-checks.md"
)


def test_the_page_in_the_repository_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == generate_health_checks_page.page(), f"write it again: {COMMAND}"


def test_a_row_tells_what_holds_and_what_it_rests_on() -> None:
    def judge(_observation: Observation) -> Verdict:
        """All is
        well.

        Nothing else is said.
        """
        return Verdict()

    checks = [Check("a", "L4", "all to be well", judge, ("b", "c"), asks_kubernetes=True), Check("d", "L1", "x", judge)]
    rows = [line for line in generate_health_checks_page.page(checks).splitlines() if line.startswith("| `")]
    assert rows == ["| `d` | All is well. |  |  |", "| `a` | All is well. | `b`, `c` | needed |"]


def test_every_check_says_what_holds() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [row[0].strip("|` ") for row in rows] == list(CHECK_IDS)
    assert [row[0] for row in rows if not row[1].endswith(".")] == []
