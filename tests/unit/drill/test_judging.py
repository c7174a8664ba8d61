# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that compares: it sees a lost write, an invented one, and how long nothing was written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.drill.judging import acknowledged, invented, lost, refused, silence


def write(name: str, begin: float, status: int = 201) -> dict[str, Any]:
    return {"name": name, "begin": begin, "end": begin + 1, "status": status, "text": ""}


WRITES = [write("a", 0), write("b", 10, 0), write("c", 20, 504), write("d", 30)]


def test_a_lost_write_is_seen() -> None:
    assert lost(WRITES, ["a", "d"]) == set()
    assert lost(WRITES, ["a"]) == {"d"}


def test_a_write_without_acknowledgement_may_be_there_or_not() -> None:
    assert lost(WRITES, ["a", "c", "d"]) == set()
    assert invented(WRITES, ["a", "c", "d"]) == set()


def test_what_nobody_wrote_is_seen() -> None:
    assert invented(WRITES, ["a", "stranger"]) == {"stranger"}


@pytest.mark.parametrize(("begin", "end", "seconds"), [(0, 1, 1), (0, 31, 30), (5, 31, 26), (30, 31, 1), (5, 50, 26)])
def test_the_longest_time_without_an_acknowledgement_is_seen(begin: float, end: float, seconds: float) -> None:
    assert silence(WRITES, begin, end) == seconds


def test_one_success_in_between_hides_no_silence() -> None:
    assert silence([write("a", 1), write("b", 40), write("c", 41)], 0, 45) == 39


def test_a_silence_that_does_not_end_is_seen() -> None:
    assert silence(WRITES, 31, 99) == 68


def test_a_write_that_began_before_the_event_does_not_end_the_silence() -> None:
    assert silence([write("a", 4.5), write("b", 9)], 5, 11) == 5


def test_only_answers_of_an_api_server_are_refusals() -> None:
    assert [each["name"] for each in refused(WRITES, 0, 100)] == ["c"]
    assert refused(WRITES, 21, 100) == []


def test_acknowledgements_are_those_that_lie_within_the_time() -> None:
    assert [each["name"] for each in acknowledged(WRITES, 0, 30.5)] == ["a"]
