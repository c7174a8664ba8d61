# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream a balancer takes: near ones in turn, never one that failed too often."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.kubeprism_plan import Endpoint
from ansible_collections.homelab.talos.lab.machined.upstreams import Upstreams

A, B, C = (Endpoint(name, 6443) for name in "abc")


def upstreams(*endpoints: Endpoint) -> Upstreams:
    made = Upstreams()
    made.reconcile(endpoints)
    return made


def test_upstreams_of_one_tier_are_taken_in_turn() -> None:
    made = upstreams(A, B, C)
    assert [made.pick() for _turn in range(5)] == [A, B, C, A, B]


def test_the_nearest_tier_is_preferred() -> None:
    made = upstreams(A, B, C)
    made.up(B, 0.00005)
    made.up(C, 0.05)
    assert [made.pick() for _turn in range(3)] == [B, B, B]


def test_one_that_failed_too_often_is_left_out_until_it_is_healthy_again() -> None:
    made = upstreams(A, B)
    made.down(A)
    assert A in made.usable
    made.down(A)
    assert [made.pick() for _turn in range(3)] == [B, B, B]
    made.up(A, 0.0005)
    made.up(B, 0.0005)
    assert {made.pick() for _turn in range(2)} == {A, B}


def test_a_good_past_lets_it_fail_more_often() -> None:
    made = upstreams(A)
    for _check in range(9):
        made.up(A, 0.0005)
    for _failure in range(3):
        made.down(A)
    assert made.pick() == A
    made.down(A)
    assert made.pick() is None


def test_without_upstreams_there_is_none_to_take() -> None:
    assert upstreams().pick() is None


def test_those_that_stay_keep_their_score_and_those_that_go_are_forgotten() -> None:
    made = upstreams(A, B)
    for _failure in range(2):
        made.down(A)
    made.reconcile([A, C])
    assert made.usable == [C]
    made.reconcile([C])
    made.reconcile([A, C])
    assert made.usable == [A, C]
    made.down(B)
    made.up(B, 1.0)
    assert made.all == [A, C]
