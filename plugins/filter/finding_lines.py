# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: finding_lines
short_description: Findings of several results as lines for people
version_added: 0.1.0
description:
  - Takes the results of one module on several hosts and returns one line for each finding, errors first.
  - A finding that several hosts report (about the cluster as a whole) appears once. A result that failed without
    findings appears with its message.
author:
  - homelab.talos contributors (@homelab)
positional: _input, severity
options:
  _input:
    description: Registered results with C(findings).
    type: list
    elements: dict
    required: true
  severity:
    description: The least severity to show.
    type: str
    choices: [error, warning, info]
    default: info
"""

EXAMPLES = r"""
- name: Show what is wrong with any node
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars, 'judged') | homelab.talos.finding_lines('error') }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import (
    SEVERITIES,
    Finding,
    sort_findings,
)


def finding_lines(results: Iterable[Mapping[str, Any]], severity: str = "info") -> list[str]:
    """Return one line for each finding of at least ``severity`` in the registered results.

    :raises AnsibleFilterError: when the severity is unknown.
    """
    if severity not in SEVERITIES:
        raise AnsibleFilterError(f"severity {severity!r} is none of {', '.join(SEVERITIES)}")
    shown = SEVERITIES[: SEVERITIES.index(severity) + 1]
    findings: set[Finding] = set()
    failures: list[str] = []
    for result in results:
        own = [_finding(item) for item in result.get("findings") or ()]
        findings.update(finding for finding in own if finding.severity in shown)
        # A module that could not judge at all is no host without findings.
        if not any(finding.severity == "error" for finding in own) and result.get("msg"):
            failures.append(str(result["msg"]))
    return sorted(set(failures)) + [str(finding) for finding in sort_findings(findings)]


def _finding(item: Mapping[str, Any]) -> Finding:
    values: dict[str, Any] = {str(key): str(value) for key, value in item.items()}
    return Finding(**values)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return name -> function."""
        return {"finding_lines": finding_lines}
