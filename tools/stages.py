# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the stages of a named plan one after the other, stop after a failure, count what passed.

``python tools/stages.py test`` is what ``make test`` calls. The last line is always ``N passed, N failed``: the test
cases of every pytest run (from their JUnit files) and one per stage that has none. A stage that was to leave test
results and left none has failed, whatever its exit status.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path("build/junit")
CLOSING_LINE = Path("build/closing-line")
TERMINATION_SECONDS = 60.0


@dataclass(frozen=True)
class Stage:
    """One command of a plan.

    ``limit`` is in seconds. ``results`` is the JUnit file that the command writes, below the root. ``cleanup`` runs
    when the command was stopped at its limit and so could not clean up itself. ``brief`` stages run even after one has
    failed: whoever repairs a line wants to hear of all static checks.
    """

    name: str
    command: tuple[str, ...]
    limit: float
    results: Path | None = None
    cleanup: tuple[str, ...] = ()
    brief: bool = False


@dataclass
class Outcome:
    """What came of a stage: ``status`` is passed, failed or not run; the counts are test cases."""

    stage: Stage
    status: str = "not run"
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    reason: str = ""


def static(name: str, script: str, limit: float = 300) -> Stage:
    """Return the stage of one script of tests/static."""
    return Stage(name, (f"tests/static/{script}.sh",), limit, brief=True)


def pytest(name: str, directory: str, limit: float) -> Stage:
    """Return the stage that runs the tests of a directory."""
    results = RESULTS / f"{name}.xml"
    return Stage(name, ("pytest", directory, f"--junitxml={results}"), limit, results)


def scenario(name: str, limit: float = 1200) -> Stage:
    """Return the stage of one Molecule scenario; its verifier writes the results (.config/molecule/config.yml)."""
    return Stage(
        f"scenario {name}",
        ("molecule", "test", "-s", name),
        limit,
        RESULTS / f"molecule-{name}.xml",
        ("molecule", "destroy", "-s", name),
    )


STATIC = [
    static("yamllint", "yamllint"),
    static("ruff", "ruff"),
    static("changelog", "changelog"),
    static("mypy", "mypy"),
    static("ansible-lint", "ansible_lint"),
    static("documentation", "docs"),
    static("ansible-test sanity", "ansible_test_sanity", 900),
]
UNIT = pytest("unit", "tests/unit", 1800)
INTEROP = pytest("interop", "tests/interop", 1200)
TALOSCTL = Stage("talosctl", ("tools/talosctl", "--ensure"), 2400)
ENGINE = Stage("engine", ("tools/lab", "engine", "ensure"), 2400)
VALIDATE = Stage("validate", ("ansible-playbook", "playbooks/validate.yml", "-i", "homelab"), 900)
LAB = pytest("lab", "tests/lab", 900)
BAD_INPUT = pytest("bad-input", "tests/bad_input", 900)
PLANTED = scenario("self-test", 1800)
IMAGES = pytest("images", "tests/images", 1200)
# Twelve faults, each until the cluster is whole again.
NODE_FAULTS = scenario("node-faults", 2400)
# Two defects; the loss of a disk, of one member, of two, of everything; four joins.
HA = scenario("ha", 1800)
OTHER_SCENARIOS = ["default", "compute-only", "ready-timing", "image-build", "upstream-compat", "wasm", "network"]

PLANS: dict[str, list[Stage]] = {
    "static": STATIC,
    "unit": [UNIT],
    "planted": [PLANTED],
    "test": [*STATIC, UNIT, ENGINE, TALOSCTL, INTEROP, LAB, BAD_INPUT, scenario("mixed-role"), VALIDATE, PLANTED],
}
PLANS["test-all"] = [*PLANS["test"], IMAGES, *map(scenario, OTHER_SCENARIOS), HA, NODE_FAULTS]


def plan(name: str) -> list[Stage]:
    """Return the stages of a plan; ``scenario:NAME`` is the plan of one scenario, with its limit in ``test-all``.

    Raises KeyError when there is no such plan.
    """
    if name.startswith("scenario:"):
        alone = scenario(name.removeprefix("scenario:"))
        return [next((stage for stage in PLANS["test-all"] if stage.name == alone.name), alone)]
    return PLANS[name]


def read_results(path: Path) -> tuple[int, int, list[str]]:
    """Return the numbers of passed and failed test cases and a line per skipped one, from a JUnit file.

    Raises OSError or ElementTree.ParseError when the file cannot be read.
    """
    passed, failed, skipped = 0, 0, []
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif (skip := case.find("skipped")) is not None:
            skipped.append(f"{case.get('classname')}::{case.get('name')}: {skip.get('message', '')}")
        else:
            passed += 1
    return passed, failed, skipped


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a stage's process group: first politely, after a minute for good."""
    for number, patience in ((signal.SIGTERM, TERMINATION_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        return


def execute(command: Sequence[str], limit: float) -> int | None:
    """Run a command from the root, output to ours; return its exit status, None when it was stopped at its limit."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            stop(process)
            return None
        except BaseException:
            stop(process)
            raise


def judge(stage: Stage, status: int | None, root: Path = ROOT) -> Outcome:
    """Return the outcome of a stage that ended with an exit status (None: stopped at its limit)."""
    outcome = Outcome(stage)
    if status is None:
        outcome.reason = f"stopped after {stage.limit:.0f} s, its limit"
    elif status != 0:
        outcome.reason = f"exit status {status}"
    if stage.results is None:
        outcome.passed = 0 if outcome.reason else 1
    else:
        try:
            outcome.passed, outcome.failed, outcome.skipped = read_results(root / stage.results)
        except (OSError, ElementTree.ParseError):
            outcome.reason = outcome.reason or f"it left no test results in {stage.results}"
        else:
            if not outcome.reason and outcome.failed:
                outcome.reason = "tests failed"
            elif not outcome.reason and not outcome.passed:
                outcome.reason = "no test passed"
    if outcome.reason:
        outcome.failed = outcome.failed or 1
    outcome.status = "failed" if outcome.reason else "passed"
    return outcome


def run(
    stages: Sequence[Stage],
    run_command: Callable[[Sequence[str], float], int | None] = execute,
    clock: Callable[[], float] = time.monotonic,
    root: Path = ROOT,
) -> list[Outcome]:
    """Run stages until one fails, then only the brief ones; return an outcome for each, the others as not run."""
    outcomes = [Outcome(stage) for stage in stages]
    for number, stage in enumerate(stages):
        if not stage.brief and any(outcome.status == "failed" for outcome in outcomes):
            continue
        print(f"\n== [{number + 1}/{len(stages)}] {stage.name}: {' '.join(stage.command)}", flush=True)
        if stage.results is not None:
            # Results of an earlier run must not speak for this one.
            (root / stage.results).parent.mkdir(parents=True, exist_ok=True)
            (root / stage.results).unlink(missing_ok=True)
        begin = clock()
        status = None
        try:
            status = run_command(stage.command, stage.limit)
        finally:
            # Stopped at its limit, or we are (Ctrl-C, the end of a CI job): a lab must not stay behind.
            if status is None and stage.cleanup:
                print(f"-- {stage.name}: cleaning up: {' '.join(stage.cleanup)}", flush=True)
                run_command(stage.cleanup, stage.limit)
        outcome = outcomes[number] = judge(stage, status, root)
        outcome.seconds = clock() - begin
        print(f"-- {line(outcome)}", flush=True)
    return outcomes


def line(outcome: Outcome) -> str:
    """Return the line of the summary for one stage."""
    if outcome.status == "not run":
        return f"{outcome.stage.name:24} not run"
    text = f"{outcome.stage.name:24} {outcome.status:8} {outcome.seconds:7.1f} s  {outcome.passed} passed"
    if outcome.failed:
        text += f", {outcome.failed} failed"
    if outcome.skipped:
        text += f", {len(outcome.skipped)} skipped"
    return f"{text} ({outcome.reason})" if outcome.reason else text


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the closing lines; the last one is ``N passed, N failed``."""
    lines = ["", "== summary", *map(line, outcomes)]
    lines += [f"   skipped: {text}" for outcome in outcomes for text in outcome.skipped]
    lines.append(f"   {sum(outcome.seconds for outcome in outcomes):.0f} s")
    lines.append(f"{sum(o.passed for o in outcomes)} passed, {sum(o.failed for o in outcomes)} failed")
    return lines


def interrupt(*_signal: object) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plan that the command line names; return 0 when every stage passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plan", help=f"one of {', '.join(PLANS)}, or scenario:NAME")
    name = parser.parse_args(arguments).plan
    try:
        stages = plan(name)
    except KeyError:
        parser.error(f"there is no plan {name}; one of {', '.join(PLANS)}, or scenario:NAME")
    signal.signal(signal.SIGTERM, interrupt)
    (ROOT / CLOSING_LINE).parent.mkdir(exist_ok=True)
    (ROOT / CLOSING_LINE).unlink(missing_ok=True)
    try:
        outcomes = run(stages)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted", file=sys.stderr)
        return 130
    closing = summary(outcomes)
    print("\n".join(closing), flush=True)
    # For .ci/run: after a failure, make has the last word.
    (ROOT / CLOSING_LINE).write_text(closing[-1] + "\n")
    return 0 if all(outcome.status == "passed" for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
