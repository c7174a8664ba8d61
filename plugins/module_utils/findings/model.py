# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of a judged observation.

A *finding* is one thing a rule noticed; a *check result* is the outcome of one named check, with the findings
that explain it. This file is a leaf: it knows nothing about Talos, Kubernetes or Ansible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
Status = Literal["ok", "failed", "skipped", "blocked", "not run"]

SEVERITIES: tuple[str, ...] = ("error", "warning", "info")
STATUSES: tuple[str, ...] = ("ok", "failed", "skipped", "blocked", "not run")


@dataclass(frozen=True)
class Finding:
    """One judged observation.

    :param id: stable, dotted id of the rule, such as ``config.unknown-key``.
    :param severity: ``error`` (must not go on), ``warning`` (works, but look at it) or ``info``.
    :param message: one line saying what is wrong.
    :param host: inventory name of the node, empty for the cluster as a whole.
    :param path: where in the document, such as ``machine.install.disk``.
    :param fix: one line saying what to do.
    :param layer: the layer the observation belongs to, such as ``config`` or ``kubernetes``.
    """

    id: str
    severity: Severity
    message: str
    host: str = ""
    path: str = ""
    fix: str = ""
    layer: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"finding {self.id}: severity {self.severity!r} is none of {', '.join(SEVERITIES)}")

    def to_dict(self) -> dict[str, str]:
        """Return the finding as a plain dict with the keys of this class, all values strings."""
        return {
            "id": self.id,
            "severity": self.severity,
            "message": self.message,
            "host": self.host,
            "path": self.path,
            "fix": self.fix,
            "layer": self.layer,
        }

    def __str__(self) -> str:
        """Return one line: severity, host, path, message, fix."""
        where = ": ".join(part for part in (self.host, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.fix:
            text = f"{text}; {self.fix}"
        return f"{self.severity}: {text} [{self.id}]"


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    :param id: stable id of the check.
    :param layer: layer of the check, such as ``talos`` or ``kubernetes``.
    :param status: ``ok``, ``failed``, ``skipped`` (does not apply), ``blocked`` (an earlier check failed) or
        ``not run`` (something it needs is missing).
    :param message: one line: the condition and the last observed value.
    :param host: inventory name of the node, empty for the cluster.
    :param seconds: how long the check took, in seconds.
    :param findings: what explains the status.
    """

    id: str
    layer: str
    status: Status
    message: str = ""
    host: str = ""
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"check {self.id}: status {self.status!r} is none of {', '.join(STATUSES)}")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a plain dict; ``findings`` becomes a list of dicts."""
        return {
            "id": self.id,
            "layer": self.layer,
            "status": self.status,
            "message": self.message,
            "host": self.host,
            "seconds": self.seconds,
            "findings": [finding.to_dict() for finding in self.findings],
        }


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return only the findings of severity ``error``, in their order."""
    return [finding for finding in findings if finding.severity == "error"]


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings ordered by severity (errors first), host, path, id and message."""
    return sorted(
        findings,
        key=lambda finding: (
            SEVERITIES.index(finding.severity),
            finding.host,
            finding.path,
            finding.id,
            finding.message,
        ),
    )
