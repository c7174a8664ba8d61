# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verifiers and the health checks say about a running lab, each asked as an operator would ask it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from ansible_collections.homelab.talos.tests.planted.checks import ROOT

MAIN_VERIFIERS = ("molecule/mixed-role/tests/test_mixed_role.py", "molecule/shared/verifiers")
RUN_SECONDS = 300
BLOCKED = "blocked by"


def failing_verifiers(
    inventory: str,
    results: Path,
    verifiers: Sequence[str] = MAIN_VERIFIERS,
    environment: Mapping[str, str] | None = None,
) -> set[str]:
    """Run verifiers against the inventory and return the ids of those that failed on any node.

    Blocked ones did not fail.

    :param results: file for the JUnit results.
    :param verifiers: files and directories below the root; those of the main scenario by default.
    :param environment: of the run; that of this process by default.
    :raises AssertionError: no test was run.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={results}"]
    command += ["--connection", "talos", "--ansible-inventory", inventory]
    files = [str(path) for name in verifiers for path in _files(ROOT / name)]
    ended = subprocess.run(
        [*command, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
        env=environment,
    )
    assert results.exists(), f"no verifier was run: {ended.stdout[-2000:]} {ended.stderr[-2000:]}"
    cases = list(ElementTree.parse(results).iter("testcase"))
    assert len(cases) > len(files), f"no verifier was run: {ended.stdout[-2000:]}"
    return {_id(case) for case in cases if _failed(case)}


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("test_*.py")) if path.is_dir() else [path]


def _id(case: ElementTree.Element) -> str:
    file = str(case.get("classname")).rpartition(".")[2].removeprefix("test_")
    return f"{file}::{str(case.get('name')).partition('[')[0].removeprefix('test_')}"


def _failed(case: ElementTree.Element) -> bool:
    reports = [*case.findall("failure"), *case.findall("error")]
    return any(BLOCKED not in f"{report.get('message')}{report.text}" for report in reports)


def failing_health(inventory: str, results: Path) -> set[str]:
    """Run the role validate against the inventory, looking once, and return the ids of the health checks that failed.

    :param results: file for the report.
    :raises AssertionError: the checks were not run.
    """
    playbook = ROOT / "tests/planted/playbooks/health.yml"
    command = ["ansible-playbook", "-i", inventory, str(playbook), "-e", f"validate_report={results}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert results.exists(), f"the checks were not run: {ended.stdout[-2000:]} {ended.stderr[-2000:]}"
    report = json.loads(results.read_text(encoding="utf-8"))
    assert report["checks"], f"the checks were not run: {report['reason']}"
    return {check["id"] for check in report["checks"] if check["status"] == "failed"}


def until_equal(wanted: set[str], look: Callable[[], set[str]], limit: float) -> set[str]:
    """Look until the set is the wanted one or the limit (seconds) has passed; return what was seen last."""
    end = time.monotonic() + limit
    while True:
        found = look()
        if found == wanted or time.monotonic() >= end:
            return found
