# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a Makefile as far as the build of Talos images needs it, without running make.

Rules with their recipes, assignments, includes, and whatever make would execute while it parses. Nothing is expanded.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ASSIGNMENT = re.compile(
    r"^\s*(?P<words>(?:override\s+|export\s+|private\s+)*)(?P<name>[^\s:#=?+!]+)\s*"
    r"(?P<operator>:::=|::=|:=|\?=|\+=|!=|=)\s*(?P<value>.*)$"
)
_RULE = re.compile(r"^(?P<targets>[^\t:=#][^:=#]*?)\s*(?P<colon>::?)(?P<rest>(?![:=]).*)$")
_INCLUDE = re.compile(r"^\s*(?:-include|sinclude|include)\s+(?P<paths>.+)$")
_CONDITION = re.compile(r"^\s*(?P<word>ifeq|ifneq|ifdef|ifndef)\b\s*(?P<rest>.*)$")
_ELSE = re.compile(r"^\s*else\b")
_ENDIF = re.compile(r"^\s*endif\b")
_DEFINE = re.compile(r"^\s*(?:override\s+)?define\b")
_ENDEF = re.compile(r"^\s*endef\b")
# Functions and directives by which parsing a Makefile runs programs or reads what is not on the page.
_EXECUTES = re.compile(r"\$[({](?:shell|file|guile|eval|load)\b")
_DIRECTIVES = re.compile(
    r"^\s*(?:load|-load|undefine|vpath)\b|^\s*\.(?:ONESHELL|POSIX|SECONDEXPANSION|EXPORT_ALL_VARIABLES)\b"
)


@dataclass(frozen=True)
class Rule:
    """One explicit rule: ``targets`` and ``prerequisites`` as written, ``recipe`` without tabs and continuations."""

    line: int
    targets: tuple[str, ...]
    prerequisites: tuple[str, ...]
    recipe: tuple[str, ...]


@dataclass(frozen=True)
class Assignment:
    """A variable: ``operator`` is =, :=, ?=, += or !=; ``conditions`` are the open conditionals around it."""

    line: int
    name: str
    operator: str
    value: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Execution:
    """A line that runs something while make parses.

    :param assignment: the assignment it stands in, None outside of one.
    :param conditions: conditionals around it, such as ``ifeq ($(VERSION),)``, innermost last; a branch after ``else``
        is given as ``else``.
    """

    line: int
    text: str
    assignment: Assignment | None
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Makefile:
    """What a Makefile says. ``includes`` are the words behind include with their line, unexpanded."""

    rules: tuple[Rule, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    includes: tuple[tuple[int, str], ...] = ()
    executions: tuple[Execution, ...] = ()
    defines: tuple[str, ...] = ()

    def rule(self, target: str) -> Rule | None:
        """Return the rule whose recipe make would run for a target: the last one that has a recipe."""
        named = [rule for rule in self.rules if target in rule.targets]
        return next((rule for rule in reversed(named) if rule.recipe), named[-1] if named else None)

    def prerequisites(self, target: str) -> tuple[str, ...]:
        """Return the prerequisites of a target from all rules that name it."""
        return tuple(name for rule in self.rules if target in rule.targets for name in rule.prerequisites)

    def value(self, name: str) -> Assignment | None:
        """Return the first assignment of a variable."""
        return next((assignment for assignment in self.assignments if assignment.name == name), None)


@dataclass
class _Reading:
    rules: list[Rule] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    includes: list[tuple[int, str]] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    defines: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    in_define: bool = False


@functools.lru_cache(maxsize=1024)
def read_makefile(text: str) -> Makefile:
    """Return what the text of a Makefile says; lines that are neither of the known forms are left out."""
    reading = _Reading()
    for number, line in _logical_lines(text):
        if line.startswith("\t") and reading.rules and not reading.in_define:
            _add_to_recipe(reading, line)
        else:
            _read_line(reading, number, line)
    return Makefile(
        tuple(reading.rules),
        tuple(reading.assignments),
        tuple(reading.includes),
        tuple(reading.executions),
        tuple(reading.defines),
    )


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (first line, text) with continuations joined by one space, as make does."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        parts.append(line if not parts else line.lstrip())
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            parts[-1] = parts[-1][:-1].rstrip()
            continue
        yield start, " ".join(parts)
        start, parts = 0, []
    if parts:
        yield start, " ".join(parts)


def _add_to_recipe(reading: _Reading, line: str) -> None:
    rule = reading.rules[-1]
    command = " ".join(line.split())
    if command and not command.startswith("#"):
        reading.rules[-1] = Rule(rule.line, rule.targets, rule.prerequisites, (*rule.recipe, command))


def _read_line(reading: _Reading, number: int, line: str) -> None:
    stripped = line.strip()
    if not stripped or stripped.startswith("#"):
        return
    if _DEFINE.match(line):
        reading.in_define = True
        reading.defines.append(stripped)
        return
    if reading.in_define:
        reading.in_define = not _ENDEF.match(line)
        return
    condition = _CONDITION.match(line)
    assignment = None if condition or _INCLUDE.match(line) else _assignment(number, line)
    if _executes(line, assignment):
        reading.executions.append(Execution(number, stripped, assignment, tuple(reading.conditions)))
    if condition:
        reading.conditions.append(" ".join(stripped.split()))
    elif _ELSE.match(line) and reading.conditions:
        reading.conditions[-1] = "else"
    elif _ENDIF.match(line) and reading.conditions:
        reading.conditions.pop()
    elif include := _INCLUDE.match(line):
        reading.includes += [(number, word) for word in include["paths"].partition("#")[0].split()]
    elif assignment:
        reading.assignments.append(assignment)
    elif rule := _RULE.match(line):
        _add_rule(reading, number, rule)


def _executes(line: str, assignment: Assignment | None) -> bool:
    if assignment is not None and (assignment.operator == "!=" or "override" in assignment.words):
        return True
    if assignment is not None and assignment.name in ("MAKEFLAGS", "GNUMAKEFLAGS"):
        return True
    return bool(_EXECUTES.search(line) or _DIRECTIVES.match(line))


def _assignment(number: int, line: str) -> Assignment | None:
    match = _ASSIGNMENT.match(line)
    if match is None:
        return None
    return Assignment(number, match["name"], match["operator"], match["value"], tuple(match["words"].split()))


def _add_rule(reading: _Reading, number: int, match: re.Match[str]) -> None:
    prerequisites, _semicolon, command = match["rest"].partition(";")
    recipe = (" ".join(command.split()),) if command.strip() else ()
    names = prerequisites.partition("#")[0].replace("|", " ").split()
    reading.rules.append(Rule(number, tuple(match["targets"].split()), tuple(names), recipe))
