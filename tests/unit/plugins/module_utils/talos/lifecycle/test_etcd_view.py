# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster has to be bootstrapped, judged from what its control planes say."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import (
    EtcdView,
    Member,
    Verdict,
    Witness,
    judge,
    judge_member,
    survival,
)

ADDRESSES = {"cp1": "198.18.1.11", "cp2": "198.18.1.12", "cp3": "198.18.1.13"}
MEMBERS = tuple(Member(str(number), name, (address,)) for number, (name, address) in enumerate(ADDRESSES.items()))
STRANGER = Member("f", "stranger", ("10.9.9.9",))


def empty(name: str) -> EtcdView:
    return EtcdView(name, service="Preparing")


def member(name: str, *members: Member, healthy: bool = True) -> EtcdView:
    return EtcdView(name, service="Running", healthy=healthy, members=members, has_data=True)


def dead(name: str) -> EtcdView:
    return EtcdView(name, error="connection refused")


def fresh(name: str) -> EtcdView:
    return EtcdView(name, in_maintenance=True)


@pytest.mark.parametrize(
    ("views", "kind", "reason"),
    [
        ([empty("cp1"), empty("cp2")], "needed", "no control plane has an etcd member"),
        ([empty("cp1"), fresh("cp2"), fresh("cp3")], "needed", "no control plane has an etcd member"),
        ([member("cp1", MEMBERS[0]), fresh("cp2")], "bootstrapped", "etcd has 1 member(s)"),
        ([member("cp1", *MEMBERS), member("cp2", *MEMBERS)], "bootstrapped", "etcd has 3 member(s)"),
        # The cluster is known to be there: a dead control plane does not matter for the bootstrap.
        ([member("cp1", *MEMBERS), dead("cp2")], "bootstrapped", "etcd has 3 member(s)"),
        ([empty("cp1"), dead("cp2")], "wait", "not every control plane can be asked: cp2 cannot be asked (connection"),
        ([member("cp1", MEMBERS[0], healthy=False)], "wait", "etcd is not healthy yet: cp1 has etcd Running"),
        (
            [empty("cp1"), EtcdView("cp2", service="Preparing", has_data=True)],
            "wait",
            "the disk of cp2 holds an etcd member that does not answer",
        ),
        (
            [member("cp1", MEMBERS[0]), member("cp2", MEMBERS[1])],
            "refused",
            "control planes belong to different etcd clusters: cp1 has etcd Running with 1 member(s); cp2",
        ),
        (
            [member("cp1", MEMBERS[0], STRANGER)],
            "refused",
            "etcd has members that are no control planes of this cluster: stranger (10.9.9.9)",
        ),
    ],
)
def test_verdicts(views: list[EtcdView], kind: str, reason: str) -> None:
    verdict = judge(views, ADDRESSES)
    assert verdict.kind == kind
    assert verdict.reason.startswith(reason)


def test_members_that_are_known_by_name() -> None:
    assert judge([member("cp1", Member("1", "cp1", ("cp1",)))], ADDRESSES).kind == "bootstrapped"


@pytest.mark.parametrize(
    ("witnesses", "kind", "reason"),
    [
        ([Witness("node1")], "needed", "no control plane has an etcd member"),
        ([Witness("node1"), Witness("gw1", joined=True)], "lost", "no control plane has etcd data, and gw1 joined"),
        ([Witness("node1", "refused")], "wait", "whether there was a cluster is not known: node1 cannot be asked"),
        # Who answers decides; a lost cluster stays lost while another worker is silent.
        ([Witness("node1", "refused"), Witness("gw1", joined=True)], "lost", "no control plane has etcd data"),
    ],
)
def test_an_empty_store_is_that_of_a_new_cluster_only_when_no_worker_has_joined(
    witnesses: list[Witness], kind: str, reason: str
) -> None:
    verdict = judge([empty("cp1"), empty("cp2")], ADDRESSES, witnesses)
    assert verdict.kind == kind
    assert verdict.reason.startswith(reason)
    assert judge([member("cp1", MEMBERS[0])], ADDRESSES, witnesses).kind == "bootstrapped"


LEARNER = Member("1", "cp2", ("198.18.1.12",), is_learner=True)
TWO = {name: ADDRESSES[name] for name in ("cp1", "cp2")}


def verdict_about_cp2(*views: EtcdView) -> Verdict:
    return judge_member("cp2", views, TWO)


def test_a_member_that_votes_has_joined() -> None:
    verdict = verdict_about_cp2(member("cp1", *MEMBERS[:2]), member("cp2", *MEMBERS[:2]))
    assert (verdict.kind, verdict.reason) == ("bootstrapped", "2 members vote; etcd survives no loss")


def test_further_control_planes_may_be_members_already() -> None:
    assert verdict_about_cp2(member("cp1", *MEMBERS), member("cp2", *MEMBERS)).kind == "bootstrapped"


@pytest.mark.parametrize(
    ("views", "reason"),
    [
        ([member("cp1", MEMBERS[0], LEARNER), member("cp2", MEMBERS[0], LEARNER)], "cp2 does not vote yet"),
        ([member("cp1", MEMBERS[0]), empty("cp2")], "etcd is not healthy yet: cp2 has etcd Preparing"),
        ([member("cp1", *MEMBERS[:2]), dead("cp2")], "etcd is not healthy yet: cp2 cannot be asked"),
        ([member("cp1", *MEMBERS[:2]), member("cp2", *MEMBERS)], "the control planes do not see the same members"),
    ],
)
def test_a_member_that_does_not_vote_everywhere_is_awaited(views: list[EtcdView], reason: str) -> None:
    verdict = verdict_about_cp2(*views)
    assert verdict.kind == "wait"
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(
    "foreign",
    [
        member("cp2", STRANGER),
        # Its members are elsewhere, so it does not even know them.
        EtcdView("cp2", service="Running", has_data=True),
        # Same name and address, another life: every cluster gives new ids.
        member("cp2", Member("99", "cp2", ("198.18.1.12",))),
    ],
)
def test_the_data_of_another_cluster_is_refused(foreign: EtcdView) -> None:
    verdict = verdict_about_cp2(member("cp1", MEMBERS[0]), foreign)
    assert (verdict.kind, verdict.reason) == (
        "refused",
        "cp2 holds the etcd data of another cluster; the members of this one are cp1",
    )


def test_the_data_of_a_member_that_starts_slowly_is_not_foreign() -> None:
    slow = EtcdView("cp2", service="Running", has_data=True)
    assert verdict_about_cp2(member("cp1", MEMBERS[0], LEARNER), slow).kind == "wait"


@pytest.mark.parametrize(
    ("voters", "words"),
    [
        (1, "1 member votes; etcd survives no loss"),
        (2, "2 members vote; etcd survives no loss"),
        (3, "3 members vote; etcd survives the loss of 1"),
        (4, "4 members vote; etcd survives the loss of 1"),
        (5, "5 members vote; etcd survives the loss of 2"),
    ],
)
def test_what_a_number_of_members_survives(voters: int, words: str) -> None:
    assert survival(voters) == words
