# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen from outside while members, and in the end all data, were lost and came back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.homelab.talos.tests.drill.bounds import KUBEPRISM_SECONDS, SHARED_ADDRESS_SECONDS
from ansible_collections.homelab.talos.tests.drill.defects import DEFECTS
from ansible_collections.homelab.talos.tests.drill.judging import acknowledged, invented, lost, refused, silence

pytestmark = pytest.mark.layer("L4")

# Status -> what the API server says: it, or etcd, waited for a majority in vain.
REFUSALS = {500: "etcdserver: request timed out", 504: "request did not complete within the allotted timeout"}


def everything(history: Any) -> list[Any]:
    """Return the writes of all writers."""
    return [each for writes in history["writes"].values() for each in writes]


def test_exactly_the_named_verifiers_failed_on_each_planted_defect(history: Any) -> None:
    planted = yaml.safe_load(DEFECTS.read_text(encoding="utf-8"))
    wanted = {name: {"broken": sorted(defect["verifiers"]), "mended": []} for name, defect in planted.items()}
    assert history["defects"] == wanted


def test_writes_through_kubeprism_go_on_without_one_member(history: Any) -> None:
    events, writes = history["events"], history["writes"]["kubeprism"]
    assert silence(writes, events["one-lost"], events["two-lost"]) <= KUBEPRISM_SECONDS
    assert len(acknowledged(writes, events["one-lost"], events["two-lost"])) >= 5


def test_writes_through_the_shared_address_go_on_without_its_holder(history: Any) -> None:
    events, writes = history["events"], history["writes"]["vip"]
    assert silence(writes, events["one-lost"], events["two-lost"]) <= SHARED_ADDRESS_SECONDS
    assert len(acknowledged(writes, events["one-lost"], events["two-lost"])) >= 5


def test_the_shared_address_moved_to_one_other_control_plane(history: Any) -> None:
    holders = history["holders"]
    assert len(holders["after"]) == 1
    assert holders["after"] != [holders["before"]]


def test_nothing_is_acknowledged_without_a_majority(history: Any) -> None:
    events = history["events"]
    assert acknowledged(everything(history), events["two-lost"], events["returning"]) == []


def test_writes_are_refused_with_a_clear_error_without_a_majority(history: Any) -> None:
    events = history["events"]
    for writes in history["writes"].values():
        found = refused(writes, events["two-lost"], events["returning"])
        assert found
        assert [each for each in found if REFUSALS.get(each["status"], "nothing") not in each["text"]] == []


def test_a_running_pod_answers_all_the_time(history: Any) -> None:
    events = history["events"]
    within = [each for each in history["pod"] if events["begun"] <= each["begin"] <= events["returned"]]
    assert len(within) > 20
    assert {each["text"] for each in within} == {"200"}


def test_every_acknowledged_write_is_there_after_the_return(history: Any) -> None:
    assert {name: lost(everything(history), present) for name, present in history["present"].items()} == {
        name: set() for name in history["present"]
    }
    assert len(history["present"]) == 3


def test_nothing_is_there_that_nobody_wrote(history: Any) -> None:
    found = set().union(*(invented(everything(history), present) for present in history["present"].values()))
    assert found == set()


def test_a_member_that_lost_its_disk_has_everything_again(history: Any) -> None:
    """Nobody repairs anything: it joins by itself, with what was written meanwhile."""
    disk = history["disk"]
    assert disk["said"] == ""
    assert "while-a-disk-is-lost" in disk["present"][disk["node"]]
    assert {name: lost(everything(history), present) for name, present in disk["present"].items()} == {
        name: set() for name in disk["present"]
    }
    assert len(disk["present"]) == 3


def test_a_member_with_foreign_data_is_refused(history: Any) -> None:
    node, said = history["foreign"]["node"], history["foreign"]["said"]
    assert f"{node} holds the etcd data of another cluster" in said
    assert f"erase {node}" in said


def test_an_empty_store_is_not_taken_for_a_new_cluster(history: Any) -> None:
    said = history["empty"]["said"]
    assert "no control plane has etcd data" in said
    assert "recover_from" in said


def test_recovery_brings_back_what_the_snapshot_holds(history: Any) -> None:
    assert history["recovery"]["said"] == ""
    wanted = set(history["snapshot"]["present"])
    assert len(wanted) > 20
    assert {name: set(present) for name, present in history["recovery"]["present"].items()} == dict.fromkeys(
        history["recovery"]["present"], wanted
    )
    assert len(history["recovery"]["present"]) == 3


def test_what_was_written_after_the_snapshot_is_gone(history: Any) -> None:
    """Otherwise the data was not lost, and the recovery proves nothing."""
    present = set().union(*history["recovery"]["present"].values())
    assert present & set(history["snapshot"]["missing"]) == set()
