# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner behind ``make test`` never calls something passed that did not run."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.tools import stages
from ansible_collections.homelab.talos.tools.stages import Stage

RESULTS = Path("build/junit/some.xml")
CASES = """<testsuites><testsuite>
<testcase classname="a" name="one"/>
<testcase classname="a" name="two">{two}</testcase>
<testcase classname="a" name="three"><skipped message="not root"/></testcase>
</testsuite></testsuites>"""

Runner = Callable[[Sequence[str], float], int | None]


def runner(root: Path, status: int | None = 0, results: str | None = None, called: list[str] | None = None) -> Runner:
    """Return a stand-in for a command that ends with a status and may leave results."""

    def run_command(command: Sequence[str], limit: float) -> int | None:
        if called is not None:
            called.append(command[0])
        if results is not None:
            (root / RESULTS).parent.mkdir(parents=True, exist_ok=True)
            (root / RESULTS).write_text(results)
        return status

    return run_command


def run(root: Path, planned: list[Stage], run_command: Runner) -> list[stages.Outcome]:
    ticks = iter(range(100))
    return stages.run(planned, run_command, lambda: next(ticks), root)


def test_cases_of_the_results_file_are_counted(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, [Stage("unit", ("x",), 1, RESULTS)], runner(tmp_path, results=CASES.format(two="")))
    assert (outcome.status, outcome.passed, outcome.failed) == ("passed", 2, 0)
    assert outcome.skipped == ["a::three: not root"]


def test_a_failed_case_fails_the_stage_even_with_status_zero(tmp_path: Path) -> None:
    cases = CASES.format(two="<failure/>")
    (outcome,) = run(tmp_path, [Stage("unit", ("x",), 1, RESULTS)], runner(tmp_path, results=cases))
    assert (outcome.status, outcome.passed, outcome.failed) == ("failed", 1, 1)


def test_a_stage_without_its_results_has_failed(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, [Stage("unit", ("x",), 1, RESULTS)], runner(tmp_path))
    assert (outcome.status, outcome.failed) == ("failed", 1)
    assert "left no test results" in outcome.reason


def test_results_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    (tmp_path / RESULTS).parent.mkdir(parents=True)
    (tmp_path / RESULTS).write_text(CASES.format(two=""))
    (outcome,) = run(tmp_path, [Stage("unit", ("x",), 1, RESULTS)], runner(tmp_path))
    assert outcome.status == "failed"


def test_only_skipped_cases_are_no_pass(tmp_path: Path) -> None:
    results = '<testsuites><testcase name="a"><skipped message="why"/></testcase></testsuites>'
    (outcome,) = run(tmp_path, [Stage("unit", ("x",), 1, RESULTS)], runner(tmp_path, results=results))
    assert (outcome.status, outcome.reason) == ("failed", "no test passed")


def test_passing_tests_do_not_hide_a_bad_exit_status(tmp_path: Path) -> None:
    cases = CASES.format(two="")
    (outcome,) = run(tmp_path, [Stage("scenario", ("x",), 1, RESULTS)], runner(tmp_path, status=2, results=cases))
    assert (outcome.status, outcome.passed, outcome.failed) == ("failed", 2, 1)


def test_stages_after_a_failed_one_are_not_run(tmp_path: Path) -> None:
    called: list[str] = []
    planned = [Stage("first", ("one",), 1), Stage("second", ("two",), 1)]
    outcomes = run(tmp_path, planned, runner(tmp_path, status=1, called=called))
    assert called == ["one"]
    assert [outcome.status for outcome in outcomes] == ["failed", "not run"]
    assert stages.summary(outcomes)[-1] == "0 passed, 1 failed"


def test_brief_stages_run_even_after_a_failure(tmp_path: Path) -> None:
    called: list[str] = []
    planned = [Stage("ruff", ("one",), 1, brief=True), Stage("mypy", ("two",), 1, brief=True), Stage("lab", ("up",), 1)]
    outcomes = run(tmp_path, planned, runner(tmp_path, status=1, called=called))
    assert called == ["one", "two"]
    assert [outcome.status for outcome in outcomes] == ["failed", "failed", "not run"]


def test_a_stage_stopped_at_its_limit_is_cleaned_up_and_failed(tmp_path: Path) -> None:
    called: list[str] = []
    planned = [Stage("lab", ("up",), 7, cleanup=("down",))]
    (outcome,) = run(tmp_path, planned, runner(tmp_path, status=None, called=called))
    assert called == ["up", "down"]
    assert (outcome.status, outcome.reason) == ("failed", "stopped after 7 s, its limit")


def test_an_interrupted_stage_is_cleaned_up(tmp_path: Path) -> None:
    called: list[str] = []

    def interrupted(command: Sequence[str], limit: float) -> int | None:
        called.append(command[0])
        if command[0] == "up":
            raise KeyboardInterrupt
        return 0

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, [Stage("lab", ("up",), 7, cleanup=("down",))], interrupted)
    assert called == ["up", "down"]


def test_the_last_line_of_a_green_run_is_plain(tmp_path: Path) -> None:
    planned = [Stage("lint", ("x",), 1), Stage("unit", ("x",), 1, RESULTS)]
    outcomes = run(tmp_path, planned, runner(tmp_path, results=CASES.format(two="")))
    assert stages.summary(outcomes)[-1] == "3 passed, 0 failed"


def test_a_command_beyond_its_limit_is_stopped() -> None:
    assert stages.execute((sys.executable, "-c", "import signal; signal.pause()"), 0.2) is None


def test_an_unknown_plan_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        stages.main(["nothing"])
    assert ended.value.code == 2
    assert "there is no plan nothing; one of static" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(stages.PLANS))
def test_every_script_and_directory_of_a_plan_exists(name: str) -> None:
    for stage in stages.plan(name):
        script = stage.command[0]
        if "/" in script:
            assert (stages.ROOT / script).is_file(), f"{stage.name}: {script} is missing"
        if script == "molecule":
            assert (stages.ROOT / "molecule" / stage.command[-1] / "molecule.yml").is_file(), stage.name


def test_make_test_checks_and_then_forms_breaks_and_validates_labs() -> None:
    makefile = (stages.ROOT / "Makefile").read_text()
    assert re.search(r"^test: environment.*\n\t@\$\(STAGES\) test$", makefile, re.MULTILINE)
    assert [stage.name for stage in stages.plan("test")][-8:] == [
        "engine",
        "talosctl",
        "interop",
        "lab",
        "bad-input",
        "scenario mixed-role",
        "validate",
        "scenario self-test",
    ]


@pytest.mark.parametrize("name", ["ha", "node-faults", "self-test"])
def test_a_scenario_alone_has_the_limit_that_it_has_among_all(name: str) -> None:
    (alone,) = stages.plan(f"scenario:{name}")
    assert alone in stages.plan("test-all")
    assert alone.limit > 1200


def test_a_scenario_that_is_not_among_all_can_be_run_alone() -> None:
    assert stages.plan("scenario:other")[0].command == ("molecule", "test", "-s", "other")
