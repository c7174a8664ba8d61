# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a validation: its status follows from the counts, and what was not run is no pass."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.homelab.talos.plugins.filter.finding_lines import finding_lines
from ansible_collections.homelab.talos.plugins.filter.health_report import health_report
from ansible_collections.homelab.talos.plugins.filter.health_report_lines import FilterModule
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import CheckResult, Finding

lines = FilterModule().filters()["health_report_lines"]


def health(*statuses: Any) -> dict[str, Any]:
    return {"checks": [CheckResult(f"check{number}", "L1", status).to_dict() for number, status in enumerate(statuses)]}


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["ok"], "passed"),
        (["ok", "skipped"], "passed"),
        (["skipped"], "failed"),
        (["ok", "failed"], "failed"),
        (["ok", "blocked"], "failed"),
        (["ok", "not run"], "failed"),
        ([], "failed"),
    ],
)
def test_the_status_follows_from_the_counts(statuses: list[str], status: str) -> None:
    report = health_report(health(*statuses), cluster="home", provider="emulated")
    assert report["status"] == status
    assert sum(report["counts"].values()) == len(statuses)


def test_blocked_is_neither_passed_nor_failed() -> None:
    report = health_report({}, provider="hardware", blocked_by=["nodes: none", "credentials: none"])
    assert (report["status"], report["missing"]) == ("blocked", ["nodes: none", "credentials: none"])
    assert lines(report)[:3] == [
        "BLOCKED: cluster (none) on hardware nodes",
        "  missing: nodes: none",
        "  missing: credentials: none",
    ]


def test_checks_that_could_not_be_run_at_all_fail_with_the_reason() -> None:
    report = health_report({"msg": "no talosconfig", "failed": True}, cluster="home")
    assert (report["status"], report["reason"]) == ("failed", "no talosconfig")


def test_the_routes_belong_to_the_whole() -> None:
    skipped = {"checks": [CheckResult("route-reachable", "L4", "skipped").to_dict()]}
    report = health_report(health("ok"), routing=skipped)
    assert (report["status"], [check["id"] for check in report["checks"]]) == ("passed", ["check0", "route-reachable"])
    failed = {"checks": [CheckResult("route-approved", "L4", "failed").to_dict()], "msg": "not approved"}
    assert health_report(health("ok"), routing=failed)["status"] == "failed"
    assert health_report(health("ok"), routing={"msg": "no server"})["reason"] == "no server"


def test_lines_show_checks_and_findings() -> None:
    finding = Finding("health.x", "error", "is down", host="gw1", path="kubelet", fix="start it")
    check = CheckResult("kubelet", "L3", "failed", "not running", "gw1", 1.25, [finding])
    report = health_report({"checks": [check.to_dict()]}, cluster="home", provider="emulated")
    assert lines(report) == [
        "FAILED: cluster home on emulated nodes",
        "  failed   L3   gw1 kubelet: not running (1.2 s)",
        "  error: gw1: kubelet: is down; start it [health.x]",
        "no check passed (1 failed)",
    ]
    assert "findings" not in report["checks"][0]
    assert report["findings"] == [finding.to_dict()]


def test_stand_ins_are_named() -> None:
    stand_in = {"node": "gw1", "service": "ext-tailscale", "note": "stand-in: no tailscaled in this lab"}
    report = health_report({**health("ok"), "stand_ins": [stand_in]}, cluster="home", provider="emulated")
    assert report["stand_ins"] == [stand_in]
    assert "  stand-in: gw1 ext-tailscale: stand-in: no tailscaled in this lab" in lines(report)
    without = health_report(health("ok"))
    assert without["stand_ins"] == []
    assert "stand-in" not in "".join(lines(without))


def test_images_that_are_not_executed_are_named() -> None:
    note = "cp1: image arm64, node amd64 (not executed)"
    report = health_report(health("ok"), cluster="home", provider="emulated", images=[note])
    assert report["images"] == [note]
    assert f"  image: {note}" in lines(report)
    assert "image" not in "".join(lines(health_report(health("ok"))))


def test_findings_of_several_hosts_appear_once_and_errors_first() -> None:
    warning = Finding("b", "warning", "odd", host="n1").to_dict()
    error = Finding("a", "error", "two gateways").to_dict()
    results = [{"findings": [warning, error]}, {"findings": [error]}]
    assert finding_lines(results) == ["error: two gateways [a]", "warning: n1: odd [b]"]
    assert finding_lines(results, "error") == ["error: two gateways [a]"]


def test_a_module_that_could_not_judge_is_not_silent() -> None:
    assert finding_lines([{"msg": "cp1: broken"}, {"findings": []}], "error") == ["cp1: broken"]


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="is none of"):
        finding_lines([], "fatal")
