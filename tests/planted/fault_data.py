# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault that nobody experienced, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.tests.planted.checks import ROOT
from ansible_collections.homelab.talos.tests.testinfra.fault_event import FaultEvent, FaultPlan, Moment, PodPlace
from ansible_collections.homelab.talos.tests.testinfra.reachability import CONTROLLER, all_pairs

PLAN = FaultPlan.load(ROOT / "molecule/node-faults/tests/faults.yml")


def event_of(data: Mapping[str, Any], nodes: Sequence[str]) -> FaultEvent:
    """Return the fault of ``tests/planted/world.yml`` in a cluster with those nodes."""
    content: dict[str, Any] = {when: _moment(data[when], nodes) for when in ("before", "during", "after")}
    for name in ("mover", "stayer"):
        before, after = data[name]
        content[name] = (PodPlace(**before), PodPlace(**after))
    content |= {key: data[key] for key in ("noticed", "recovered", "unrecovered", "moved", "kept", "held")}
    return FaultEvent(case=PLAN.cases[data["case"]], **content)


def _moment(data: Mapping[str, Any], nodes: Sequence[str]) -> Moment:
    unreached = {tuple(pair.split(">")) for pair in data["unreached"]}
    reached = {pair for pair in all_pairs([*nodes, CONTROLLER]) if pair not in unreached}
    return Moment(reached, set(data["apis"]), data["kubernetes"], data["boots"], data["programs"])
