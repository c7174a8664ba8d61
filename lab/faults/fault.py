# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault of the lab is: what it declares, and how it is switched on and lifted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.held import HeldFault
from ansible_collections.homelab.talos.lab.faults.target import TargetLab


class Targets(StrEnum):
    """What a fault is switched on for."""

    LAB = "the lab"
    NODE = "a node"
    GROUPS = "two groups of nodes"

    @property
    def groups(self) -> int:
        """How many groups of nodes are to be named; one node is a group of its own."""
        return {Targets.LAB: 0, Targets.NODE: 1, Targets.GROUPS: 2}[self]

    @property
    def remedy(self) -> str:
        """What to do when something else was named."""
        return {
            Targets.LAB: "give it no node",
            Targets.NODE: "name one node",
            Targets.GROUPS: "name two, as in cp1,node1 node2",
        }[self]


class Need(StrEnum):
    """What a fault needs before it can be switched on."""

    SUPERVISOR = "a supervisor that runs"
    POWER = "a node that has power"
    PROGRAM = "a node that runs the program"


@dataclass(frozen=True)
class Parameter:
    """A parameter with its *choices*; without a *default* it must be given."""

    name: str
    choices: tuple[str, ...]
    meaning: str
    default: str = ""


class Fault(ABC):
    """One kind of fault.

    *effect* says what happens, *lifting* how the baseline comes back. :meth:`apply` and :meth:`lift` may be called on
    what was only half done before.
    """

    name: ClassVar[str]
    effect: ClassVar[str]
    lifting: ClassVar[str]
    targets: ClassVar[Targets]
    needs: ClassVar[tuple[Need, ...]] = ()
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def prepare(self, lab: TargetLab, targets: Sequence[Sequence[str]], parameters: dict[str, str]) -> dict[str, Any]:
        """Return what lifting will need, as plain data; nothing is changed. Raises ``LabError`` to refuse."""
        return {}

    @abstractmethod
    def apply(self, lab: TargetLab, held: HeldFault) -> None:
        """Switch the fault on; returns when it is."""

    @abstractmethod
    def lift(self, lab: TargetLab, held: HeldFault) -> None:
        """Bring the baseline back; returns when the lab's part of that is done."""

    def check(self, groups: Sequence[Sequence[str]], given: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters with their defaults; raises ``LabError`` when targets or parameters are wrong."""
        names = [name for group in groups for name in group]
        if len(groups) != self.targets.groups or (self.targets is Targets.NODE and len(names) != 1):
            shown = " ".join(",".join(group) for group in groups) or "nothing"
            raise LabError(f"fault {self.name} is about {self.targets}, not {shown}", self.targets.remedy)
        for name in names:
            if names.count(name) > 1:
                raise LabError(f"node {name} is named twice", "a node is in one group")
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise LabError(f"fault {self.name} has no parameter {name!r}", f"its parameters: {listed}")
        return {name: self._value(parameter, given) for name, parameter in known.items()}

    def _value(self, parameter: Parameter, given: Mapping[str, str]) -> str:
        value = given.get(parameter.name, parameter.default)
        if value not in parameter.choices:
            cause = f"is {value!r}" if value else "is missing"
            remedy = f"give --set {parameter.name}= one of {', '.join(parameter.choices)}"
            raise LabError(f"fault {self.name}: parameter {parameter.name} {cause}", remedy)
        return value

    def to_dict(self) -> dict[str, Any]:
        """Return what the fault declares."""
        parameters = [{**vars(each), "choices": list(each.choices)} for each in self.parameters]
        return {
            "name": self.name,
            "targets": str(self.targets),
            "parameters": parameters,
            "needs": [str(need) for need in self.needs],
            "effect": self.effect,
            "lifting": self.lifting,
        }
