# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about the machine API is what the table of methods says."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.homelab.talos.lab.machined.methods import Answer, Method
from ansible_collections.homelab.talos.tools import generate_machine_api_page

PAGE = Path(__file__).parents[3] / "docs/reference/machine-api.md"


def test_the_page_in_the_repository_is_the_generated_one() -> None:
    command = (
        "PYTHONPATH=.collections tools/run python tools/generate_machine_api_page.py > docs/reference/machine-api.md"
    )
    assert PAGE.read_text(encoding="utf-8") == generate_machine_api_page.page(), f"write it again: {command}"


def test_a_row_tells_roles_and_reason() -> None:
    methods = {
        "/machine.MachineService/Reboot": Method(Answer.EMULATED, "power"),
        "/machine.LVMService/VolumeGroupRemove": Method(Answer.REFUSED, "no volumes"),
    }
    rows = [line for line in generate_machine_api_page.page(methods).splitlines() if line.startswith("| ")]
    assert "| Reboot | `os:admin`, `os:operator` | emulated | power |" in rows
    assert "| VolumeGroupRemove | `os:admin` * | refused | no volumes |" in rows
