# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the faults declare is what the reference says, and what they refuse."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.catalogue import CATALOGUE, find_fault
from ansible_collections.homelab.talos.lab.faults.fault import Fault, Parameter
from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT

REFERENCE = (ROOT / "docs/reference/faults.md").read_text(encoding="utf-8")


def choices(parameter: Parameter) -> str:
    listed = [f"`{each}`{' (default)' if each == parameter.default else ''}" for each in parameter.choices]
    return f"`{parameter.name}` = {', '.join(listed)}"


def rows(fault: Fault) -> list[str]:
    """Return the rows that the reference must have for a fault."""
    cells = [f"`{fault.name}`", fault.targets, "; ".join(map(choices, fault.parameters)), ", ".join(fault.needs)]
    declared = "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"
    return [declared, f"| `{fault.name}` | {fault.effect} | {fault.lifting} |"]


def table(page: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith("| `")]


def test_the_reference_has_exactly_the_faults_with_what_they_declare() -> None:
    wanted = [rows(fault) for fault in CATALOGUE.values()]
    assert table(REFERENCE) == [first for first, _second in wanted] + [second for _first, second in wanted]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_parameter_has_a_default_that_is_a_choice_or_none(name: str) -> None:
    for parameter in CATALOGUE[name].parameters:
        assert parameter.default in ("", *parameter.choices)
        assert parameter.meaning


def test_defaults_are_filled_in() -> None:
    assert find_fault("reboot").check([["cp1"]], {}) == {"by": "talos"}
    assert find_fault("partition").check([["a", "b"], ["c"]], {"controller": "none"}) == {"controller": "none"}


@pytest.mark.parametrize(
    ("fault", "groups", "parameters", "cause"),
    [
        ("link-cut", [], {}, "fault link-cut is about a node, not nothing"),
        ("link-cut", [["a"], ["b"]], {}, "fault link-cut is about a node, not a b"),
        ("link-cut", [["a", "b"]], {}, "fault link-cut is about a node, not a,b"),
        ("supervisor-killed", [["a"]], {}, "fault supervisor-killed is about the lab, not a"),
        ("partition", [["a"]], {"controller": "first"}, "fault partition is about two groups of nodes, not a"),
        ("partition", [["a", "b"], ["b"]], {"controller": "first"}, "node b is named twice"),
        ("partition", [["a"], ["b"]], {}, "fault partition: parameter controller is missing"),
        ("partition", [["a"], ["b"]], {"controller": "x"}, "fault partition: parameter controller is 'x'"),
        ("link-cut", [["a"]], {"speed": "1"}, "fault link-cut has no parameter 'speed'"),
    ],
)
def test_what_is_wrong_is_named(fault: str, groups: list[list[str]], parameters: dict[str, str], cause: str) -> None:
    with pytest.raises(LabError) as refused:
        find_fault(fault).check(groups, parameters)
    assert refused.value.cause == cause


def test_an_unknown_fault_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LabError, match="no fault 'burn'; the faults are disk-lost, link-cut"):
        find_fault("burn")
