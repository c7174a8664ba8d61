# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that compares: it sees a lost write, an invented one, and how long nothing was written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.drill.judging import acknowledged, gap, invented, lost, refused
from ansible_collections.homelab.talos.tests.drill.playbooks import failure


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


@pytest.mark.parametrize(("event", "seconds"), [(0, 1), (5, 26), (30, 1)])
def test_the_gap_ends_with_the_first_acknowledged_write(event: float, seconds: float) -> None:
    assert gap(WRITES, event) == seconds


def test_a_gap_without_an_end_is_infinite() -> None:
    assert gap(WRITES, 31) == float("inf")


def test_a_write_that_began_before_the_event_does_not_end_the_gap() -> None:
    assert gap([write("a", 4.5), write("b", 9)], 5) == 5


def test_only_answers_of_an_api_server_are_refusals() -> None:
    assert [each["name"] for each in refused(WRITES, 0, 100)] == ["c"]
    assert refused(WRITES, 21, 100) == []


def test_acknowledgements_are_those_that_lie_within_the_time() -> None:
    assert [each["name"] for each in acknowledged(WRITES, 0, 30.5)] == ["a"]


def test_what_a_failed_playbook_says_is_found() -> None:
    output = 'ok: [cp1]\nfatal: [cp3]: FAILED! => {"changed": false, "msg": "cp3 holds \\"other\\" data"}\n'
    assert failure(output) == 'cp3 holds "other" data'
    assert failure("no fatal line") == "no fatal line"
