# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that run by the clock: they start, they call what exists, and they may only read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.tests.unit.repository.tree import ROOT, load_yaml

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def cron_problems(text: str) -> list[str]:
    """Return what is wrong with a schedule of five fields, each a number or a star."""
    fields = text.split()
    if len(fields) != len(RANGES):
        return [f"{text}: {len(fields)} fields"]
    return [
        f"{text}: {field}"
        for field, (low, high) in zip(fields, RANGES, strict=True)
        if field != "*" and not (field.isdigit() and low <= int(field) <= high)
    ]


def workflow_problems(workflow: Any) -> list[str]:
    """Return what keeps a workflow from running, or lets it do more than it needs."""
    problems = []
    for entry in workflow["on"].get("schedule", []):
        problems += cron_problems(entry["cron"])
    if workflow.get("permissions") != {"contents": "read"}:
        problems.append("it may do more than read")
    for name, job in workflow["jobs"].items():
        if "timeout-minutes" not in job:
            problems.append(f"{name} has no limit")
        for step in job["steps"]:
            problems += [f"{name}: {problem}" for problem in step_problems(step)]
    return problems


def step_problems(step: Any) -> list[str]:
    """Return what is wrong with a step."""
    if "uses" in step:
        pinned = re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
        return [] if pinned else [f"{step['uses']} is no pinned action of the platform"]
    if "secrets." in str(step):
        return ["a secret is given to a step that reads upstream"]
    done = subprocess.run(["make", "-n", *step["run"].split()[1:]], cwd=ROOT, capture_output=True, check=False)
    known = step["run"].startswith("make ") and done.returncode == 0
    return [] if known else [f"{step['run']}: not a command of this repository"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_scheduled_job_can_run(path: Path) -> None:
    assert workflow_problems(load_yaml(path)) == []


def test_upstream_is_looked_at_every_week() -> None:
    workflow = load_yaml(ROOT / ".github/workflows/upstream.yml")
    assert [entry["cron"].split()[2:4] for entry in workflow["on"]["schedule"]] == [["*", "*"]]
    assert [step["run"] for step in workflow["jobs"]["contract"]["steps"] if "run" in step] == ["make upstream"]
    kept = [step["with"]["path"] for step in workflow["jobs"]["contract"]["steps"] if "upload" in step.get("uses", "")]
    playbook = (ROOT / "playbooks/upstream.yml").read_text()
    for name in kept[0].split():
        assert name.startswith(".ansible/upstream/")
        assert f"/{Path(name).name}" in playbook


def test_a_job_that_cannot_run_is_seen() -> None:
    broken = {
        "on": {"schedule": [{"cron": "99 * * *"}, {"cron": "99 4 * * 1"}]},
        "permissions": {"contents": "write"},
        "jobs": {
            "a": {
                "steps": [
                    {"run": "make no-such-target"},
                    {"uses": "somebody/action@main"},
                    {"run": "make upstream", "env": {"TOKEN": "${{ secrets.TOKEN }}"}},
                ]
            }
        },
    }
    assert len(workflow_problems(broken)) == 7
