# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of the contract measures what it says, and says what it measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tests.support import cozystack_tree
from ansible_collections.homelab.talos.tools import bench_contract


def test_rows_name_the_number_of_refs_and_the_stand_in() -> None:
    rows = bench_contract.measure("")
    assert list(rows) == [
        "contract, one ref (1, repository of the tests)",
        f"contract, all tags ({len(cozystack_tree.SHAPES)}, repository of the tests)",
    ]
    assert all(0 < seconds < 30 for seconds in rows.values())


def test_a_clone_is_measured_under_its_own_rows(tmp_path: Path) -> None:
    clone = cozystack_tree.create(tmp_path, {"v1.0.0": cozystack_tree.tree(cozystack_tree.SHAPES["v1.6.2"])}, bare=True)
    assert list(bench_contract.measure(str(clone))) == ["contract, one ref (1)", "contract, all tags (1)"]


def test_a_clone_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        bench_contract.measure(str(tmp_path))
