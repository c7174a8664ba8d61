# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark measures every step, and never leaves a lab behind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from ansible_collections.homelab.talos.tools import bench


def test_every_step_is_measured_and_memory_is_that_of_the_formed_lab() -> None:
    ticks, memory = count(0, 5), iter([4000, 2500])
    result = bench.measure(lambda command: 0, lambda: next(ticks), lambda: next(memory))
    assert result == {"seconds": dict.fromkeys(bench.STEPS, 5), "memory_mebibytes": 1500}


def test_a_failing_step_is_named_and_the_lab_destroyed() -> None:
    called: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> int:
        called.append(command)
        return int("converge" in command)

    with pytest.raises(RuntimeError, match=r"^converge: molecule converge -s mixed-role: exit status 1"):
        bench.measure(run, lambda: 0, lambda: 0)
    assert called[-1] == bench.STEPS["destroy"]


def test_available_memory_is_read_in_mebibytes() -> None:
    assert bench.available_mebibytes("MemTotal: 9 kB\nMemAvailable:   2097152 kB\n") == 2048
    with pytest.raises(ValueError, match="MemAvailable"):
        bench.available_mebibytes("MemTotal: 9 kB\n")


def test_a_part_that_cannot_be_measured_is_named() -> None:
    for program in bench.PARTS.values():
        assert (bench.ROOT / f"tools/{program}.py").is_file()
    with pytest.raises(RuntimeError, match="no_such_part: exit status 1"):
        bench.part_rows("no_such_part")


def test_the_contract_is_measured_in_a_process_of_its_own() -> None:
    assert list(bench.part_rows("bench_contract"))[0].startswith("contract, one ref (1")
