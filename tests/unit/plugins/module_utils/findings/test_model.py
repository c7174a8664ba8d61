# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and check results keep their shape."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import (
    CheckResult,
    Finding,
    errors,
    sort_findings,
)


def test_a_finding_becomes_plain_data() -> None:
    finding = Finding("config.x", "error", "is wrong", host="cp1", path="machine.x", fix="correct it", layer="config")
    assert finding.to_dict() == {
        "id": "config.x",
        "severity": "error",
        "message": "is wrong",
        "host": "cp1",
        "path": "machine.x",
        "fix": "correct it",
        "layer": "config",
    }
    assert str(finding) == "error: cp1: machine.x: is wrong; correct it [config.x]"


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="none of error, warning, info"):
        Finding("x", "fatal", "y")  # type: ignore[arg-type]


def test_a_check_result_becomes_plain_data() -> None:
    result = CheckResult("health.x", "talos", "failed", "no answer", "cp1", 1.5, [Finding("a", "error", "b")])
    assert result.to_dict()["findings"][0]["id"] == "a"
    assert result.to_dict()["seconds"] == 1.5


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="none of ok, failed"):
        CheckResult("x", "y", "green")  # type: ignore[arg-type]


def test_errors_come_first() -> None:
    warning, error = Finding("a", "warning", "w", host="a"), Finding("b", "error", "e", host="z")
    assert sort_findings([warning, error]) == [error, warning]
    assert errors([warning, error]) == [error]
