# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of a node does to the cluster what it must, no more, in time, and leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra.reachability import CONTROLLER, all_pairs, differences

pytestmark = pytest.mark.layer("L4")


def test_who_reaches_whom_is_as_declared_while_the_fault_is_on(event: Any, expected: Any) -> None:
    if not event.case.passing:
        assert differences(event.during.reached, event.case.reached(list(expected.nodes))) == []


def test_exactly_the_declared_machine_apis_are_gone_while_the_fault_is_on(event: Any, expected: Any) -> None:
    if not event.case.passing:
        assert event.during.apis == set(expected.nodes) - set(event.case.without_api)


def test_the_kubernetes_api_is_gone_exactly_when_declared(event: Any) -> None:
    if not event.case.passing:
        assert event.during.kubernetes != event.case.without_kubernetes
    assert (event.before.kubernetes, event.after.kubernetes) == (True, True)


def test_exactly_the_declared_nodes_become_not_ready_in_time(event: Any, bounds: Any) -> None:
    assert set(event.noticed) == set(event.case.not_ready)
    assert max(event.noticed.values(), default=0.0) <= bounds.noticed


def test_a_pod_that_may_leave_moves_in_time_exactly_when_its_node_is_lost(event: Any, bounds: Any) -> None:
    if event.case.moves is not None:
        assert (event.moved is not None) == event.case.moves
        assert (event.moved or 0.0) <= bounds.moved


def test_a_pod_that_shall_stay_stays(event: Any) -> None:
    before, after = event.stayer
    assert after == before


def test_the_cluster_is_whole_again_in_time(event: Any, bounds: Any) -> None:
    assert event.recovered is not None, event.unrecovered
    assert event.recovered <= bounds.recovered


def test_the_network_is_as_before(event: Any, expected: Any) -> None:
    everybody = all_pairs([*expected.nodes, CONTROLLER])
    assert differences(event.before.reached, everybody) == []
    assert differences(event.after.reached, everybody) == []


def test_every_machine_api_answers_as_before(event: Any, expected: Any) -> None:
    assert (event.before.apis, event.after.apis) == (set(expected.nodes), set(expected.nodes))


def test_exactly_the_declared_nodes_have_booted_again(event: Any, expected: Any) -> None:
    booted = {name for name in expected.nodes if event.before.boots[name] != event.after.boots[name]}
    assert booted == set(event.case.boots)


def test_exactly_the_declared_programs_were_started_again(event: Any, expected: Any) -> None:
    """On nodes that did not boot: the others are unaffected."""
    stayed = set(expected.nodes) - set(event.case.boots)
    before, after = event.before.programs, event.after.programs
    assert {name: set(before[name]) for name in stayed} == {name: set(after[name]) for name in stayed}
    restarted = {name: {each for each in before[name] if before[name][each] != after[name][each]} for name in stayed}
    assert {name: found for name, found in restarted.items() if found} == {
        name: set(programs) for name, programs in event.case.restarts.items()
    }


def test_what_a_pod_wrote_on_its_node_is_still_there(event: Any) -> None:
    """And, when the node has booted, the pod was started again on it; a new disk has nothing else."""
    before, after = event.kept
    assert before
    kept = [] if event.stayer[0].node in event.case.erased else list(before)
    assert list(after)[: len(kept)] == kept
    assert len(after) - len(kept) == int(event.stayer[0].node in event.case.boots)


def test_no_fault_is_left(event: Any) -> None:
    assert list(event.held) == []
