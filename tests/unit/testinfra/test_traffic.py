# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services and DNS are asked, and what becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.testinfra.traffic import settled
from ansible_collections.homelab.talos.tests.testinfra.traffic_questions import (
    Failure,
    Target,
    Traffic,
    keep,
    questions,
    value_of,
)

CLUSTER = {"api": "10.96.0.1", "dns": "10.96.0.10", "domain": "home.example"}
TARGETS = {"a": Target("service-a", "10.244.0.7", "10.96.1.1"), "b": Target("service-b", "10.244.1.7", "10.96.1.2")}


def asked(of_node: bool, kind: str) -> list[Any]:
    found = [(each.table, each.target, each.asked) for each in questions(TARGETS, CLUSTER, "ns", of_node)]
    return [(table, target, question[kind]) for table, target, question in found if kind in question]


@pytest.mark.parametrize("of_node", [True, False])
def test_every_target_is_asked_in_every_way(of_node: bool) -> None:
    found = [(each.table, each.target) for each in questions(TARGETS, CLUSTER, "ns", of_node)]
    wanted = [(table, node) for node in TARGETS for table in ("at_pods", "at_services", "at_names", "names")]
    assert found == [*wanted, ("names", "kubernetes"), ("api_versions", "address"), ("api_versions", "name")]


def test_a_node_asks_the_dns_service_for_full_names() -> None:
    assert asked(True, "resolve") == [
        ("names", "a", "service-a.ns.svc.home.example"),
        ("names", "b", "service-b.ns.svc.home.example"),
        ("names", "kubernetes", "kubernetes.default.svc.home.example"),
    ]
    assert {address for _table, _target, address in asked(True, "resolver")} == {"10.96.0.10"}


def test_a_pod_uses_short_names_and_its_own_resolver() -> None:
    assert asked(False, "resolve")[0] == ("names", "a", "service-a")
    assert asked(False, "resolver") == []


@pytest.mark.parametrize(
    ("table", "answer", "value"),
    [
        ("at_pods", {"status": 200, "body": "target-a"}, "target-a"),
        ("at_pods", {"status": 503, "body": "no"}, Failure("status 503: no")),
        ("at_pods", {"error": "i/o timeout"}, Failure("i/o timeout")),
        ("names", {"addresses": ["10.96.1.1", "10.96.1.9"]}, ["10.96.1.1", "10.96.1.9"]),
        ("names", {}, []),
        ("api_versions", {"status": 200, "body": '{"gitVersion": "v1.35.4"}'}, "v1.35.4"),
    ],
)
def test_what_an_answer_says(table: str, answer: dict[str, Any], value: Any) -> None:
    found = value_of(table, answer)
    assert (found, type(found)) == (value, type(value))


def test_an_answer_too_few_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        keep(Traffic(), "pod on a", questions(TARGETS, CLUSTER, "ns", False), [{"status": 200, "body": "x"}])


def test_asking_goes_on_until_everything_is_answered() -> None:
    failing = Traffic(at_pods={"node a": {"b": Failure("refused")}})
    rounds = [failing, failing, Traffic(at_pods={"node a": {"b": "somebody else"}})]
    assert settled(lambda: rounds.pop(0)).at_pods == {"node a": {"b": "somebody else"}}
    assert rounds == []


def test_asking_ends_at_the_limit_with_the_failures() -> None:
    failing = Traffic(names={"node a": {"b": Failure("no such host")}})
    assert settled(lambda: failing, limit=0).failures == {"node a>b": "no such host"}
