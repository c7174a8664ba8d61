# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes reached which, from what was tried on each."""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.filter.pair_traffic import pair_traffic


def test_every_ordered_pair_is_there() -> None:
    results = [{"item": "a", "stdout": "b\n"}, {"item": "b", "stdout": "a\n"}]
    assert pair_traffic(results, ["a", "b"]) == [
        {"source": "a", "target": "b", "ok": True, "observed": ""},
        {"source": "b", "target": "a", "ok": True, "observed": ""},
    ]


def test_the_reason_is_kept() -> None:
    results = [{"item": "a", "stdout": "b no answer from 198.18.1.12:50000"}, {"item": "b", "stdout": "a"}]
    assert pair_traffic(results, ["a", "b"])[0] == {
        "source": "a",
        "target": "b",
        "ok": False,
        "observed": "no answer from 198.18.1.12:50000",
    }


def test_a_pair_without_a_line_was_not_reached() -> None:
    assert [pair["observed"] for pair in pair_traffic([{"item": "a", "stdout": ""}], ["a", "b"])] == [
        "was not tried"
    ] * 2


def test_a_node_on_which_nothing_could_be_tried_reached_nobody() -> None:
    results = [{"item": "a", "stdout": "", "stderr": "x\nerror: a is off"}, {"item": "b", "stdout": "a"}]
    assert [(pair["ok"], pair["observed"]) for pair in pair_traffic(results, ["a", "b"])] == [
        (False, "error: a is off"),
        (True, ""),
    ]
