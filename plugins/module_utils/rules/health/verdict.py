# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check says: the problems it found, or why it does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult, Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    NodeObservation,
    Observation,
)


@dataclass(frozen=True)
class Problem:
    """One reason why a check fails.

    :ivar host: inventory name of the node, empty for the cluster.
    :ivar path: what exactly, such as a service.
    :ivar fix: what to do.
    """

    message: str
    host: str = ""
    path: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check.

    :ivar problems: none means that it passed, unless it was skipped or not run.
    :ivar observed: one line about what was seen when it passed.
    :ivar skipped: why it does not apply here; ``not_run`` what it lacks.
    """

    problems: tuple[Problem, ...] = ()
    observed: str = ""
    skipped: str = ""
    not_run: str = ""


Judge = Callable[[Observation], Verdict]


def verdict(problems: Iterable[Problem], observed: str) -> Verdict:
    """Return the verdict of a check that applies."""
    found = tuple(problems)
    return Verdict(found, "" if found else observed)


def on_nodes(
    nodes: Iterable[NodeObservation], judge: Callable[[NodeObservation], Iterable[Problem]]
) -> Iterator[Problem]:
    """Yield the problems of every node; one that could not be asked is a problem itself."""
    for node in nodes:
        if node.error:
            yield Problem(f"cannot be asked: {node.error}", node.name)
        else:
            yield from judge(node)


def on_answering_nodes(
    nodes: Iterable[NodeObservation], judge: Callable[[NodeObservation], Iterable[Problem]]
) -> Iterator[Problem]:
    """Yield the problems of the nodes that answer; those that do not are the business of another check."""
    return on_nodes((node for node in nodes if not node.error), judge)


def count(number: int, what: str) -> str:
    """Return ``3 nodes`` or ``1 node``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def check_result(identity: str, layer: str, condition: str, verdict: Verdict) -> CheckResult:
    """Return the result of a check.

    :param condition: what is awaited, completing "waiting for".
    """
    if verdict.skipped:
        return CheckResult(identity, layer, "skipped", f"{condition}: SKIP, {verdict.skipped}")
    if verdict.not_run:
        return CheckResult(identity, layer, "not run", f"{condition}: {verdict.not_run}")
    if not verdict.problems:
        return CheckResult(identity, layer, "ok", f"{condition}: OK, {verdict.observed}")
    findings = [
        Finding(identity, "error", problem.message, problem.host, problem.path, problem.fix, layer)
        for problem in verdict.problems
    ]
    first = verdict.problems[0]
    where = f"{first.host}: " if first.host else ""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return CheckResult(identity, layer, "failed", f"{condition}: {where}{first.message}{more}", findings=findings)
