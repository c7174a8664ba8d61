# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault must do to a cluster, and what was seen of it: plain data, judged by the scenario ``node-faults``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.homelab.talos.tests.testinfra.reachability import CONTROLLER, Pair, all_pairs, between


@dataclass(frozen=True)
class FaultCase:
    """A fault and its declared effect, see ``molecule/node-faults/tests/faults.yml``."""

    name: str
    fault: str
    targets: Sequence[str] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    passing: bool = False
    cut: Sequence[Sequence[str]] = ()
    unpowered: Sequence[str] = ()
    without_api: Sequence[str] = ()
    without_kubernetes: bool = False
    not_ready: Sequence[str] = ()
    boots: Sequence[str] = ()
    erased: Sequence[str] = ()
    restarts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    moves: bool | None = None

    def reached(self, nodes: Sequence[str]) -> set[Pair]:
        """Return who must reach whom while the fault is on, the controller among them."""
        places = [*nodes, CONTROLLER]
        rest = [place for place in places if not any(place in group for group in self.cut)]
        pairs = all_pairs(places) - between([*self.cut, rest])
        return {pair for pair in pairs if not set(self.unpowered) & set(pair)}


@dataclass(frozen=True)
class Bounds:
    """Limits in seconds; see ``molecule/node-faults/tests/faults.yml``."""

    noticed: float
    moved: float
    recovered: float


@dataclass(frozen=True)
class FaultPlan:
    """All cases of the scenario. *unnoticed* (seconds) is how long a fault stays on that must not be noticed."""

    cases: Mapping[str, FaultCase]
    bounds: Bounds
    unnoticed: float

    @classmethod
    def load(cls, path: Path) -> FaultPlan:
        """Read the file of a scenario."""
        data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases = {name: FaultCase(name, **case) for name, case in data["cases"].items()}
        return cls(cases, Bounds(**data["bounds"]), data["unnoticed"])


@dataclass(frozen=True)
class Moment:
    """A cluster at one moment, seen from outside.

    :param reached: who reaches whom.
    :param apis: nodes whose machine API accepts connections.
    :param kubernetes: the Kubernetes API can read what is stored.
    :param boots: node -> boot id.
    :param programs: node -> program -> identity of its process.
    """

    reached: set[Pair]
    apis: set[str]
    kubernetes: bool
    boots: Mapping[str, str]
    programs: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class PodPlace:
    """A pod: its *uid* and the *node* it is on."""

    uid: str
    node: str


@dataclass
class FaultEvent:
    """A fault as it was seen. Times in seconds.

    :param noticed: node -> time from the fault until it was NotReady.
    :param recovered: time from lifting the fault until the cluster was whole, None when it was not within the bound.
    :param unrecovered: what was not whole then.
    :param mover, stayer: where the two pods were before and after.
    :param moved: time from the fault until the mover ran elsewhere, None when it did not.
    :param kept: what the stayer had written on its node, before and after; it adds a line with each of its starts.
    :param held: faults that are on afterwards.
    """

    case: FaultCase
    before: Moment
    during: Moment
    after: Moment
    noticed: Mapping[str, float]
    recovered: float | None
    unrecovered: str
    mover: tuple[PodPlace, PodPlace]
    stayer: tuple[PodPlace, PodPlace]
    moved: float | None
    kept: tuple[Sequence[str], Sequence[str]]
    held: Sequence[str]

    def line(self, bounds: Bounds) -> str:
        """Return the measured times beside their bounds."""
        noticed = max(self.noticed.values(), default=None)
        measured = {"NotReady": noticed, "pod moved": self.moved, "recovered": self.recovered}
        limits = {"NotReady": bounds.noticed, "pod moved": bounds.moved, "recovered": bounds.recovered}
        shown = [
            f"{what} {'-' if took is None else f'{took:.1f} s'} (bound {limits[what]:g})"
            for what, took in measured.items()
        ]
        return f"{self.case.name}: {', '.join(shown)}"
