# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster has to be bootstrapped, judged from what its control planes say."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import EtcdView, Member, judge

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
