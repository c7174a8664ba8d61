# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer plugin: a test has one layer, a failed layer blocks those above it, a blocked test is no pass."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "ansible_collections.homelab.talos.tests.testinfra.layers", "-p", "no:cacheprovider")

FOUR = """
import pytest
@pytest.mark.layer("L4")
def test_four(): pass
@pytest.mark.layer("L2")
def test_two(): assert {two}
@pytest.mark.layer("L1")
def test_one(): pass
@pytest.mark.layer("L3")
def test_three(): assert {two}, "must not run"
"""


def test_lower_layers_run_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FOUR.format(two=True))
    result = pytester.runpytest(*PLUGIN, "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_one*", "*test_two*", "*test_three*", "*test_four*"])
    result.stdout.fnmatch_lines(["L1: 1 passed", "L2: 1 passed", "L3: 1 passed", "L4: 1 passed"])


def test_a_disruptive_test_runs_after_all_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FOUR.format(two=True).replace("def test_one", "@pytest.mark.disruptive\ndef test_one"))
    result = pytester.runpytest(*PLUGIN, "-v", "--strict-markers")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*test_two*", "*test_three*", "*test_four*", "*test_one*"])


def test_a_failed_layer_blocks_those_above(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FOUR.format(two=False))
    result = pytester.runpytest(*PLUGIN, "-v", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_three BLOCKED (blocked by L2)*", "*test_four BLOCKED (blocked by L2)*"])
    result.stdout.fnmatch_lines(["L1: 1 passed", "L2: 1 failed", "L3: 1 blocked", "L4: 1 blocked"])
    assert "must not run" not in result.stdout.str()
    root = ElementTree.parse(pytester.path / "junit.xml").getroot()
    passed = {
        case.get("name") for case in root.iter("testcase") if not len(case.findall("error") + case.findall("failure"))
    }
    assert passed == {"test_one"}


def test_tests_of_the_failed_layer_itself_all_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.layer("L2")
        def test_a(): assert False
        def test_b(): pass
        """
    )
    pytester.runpytest(*PLUGIN).assert_outcomes(passed=1, failed=1)


def test_a_broken_fixture_blocks_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def broken(): raise OSError("node is gone")
        @pytest.mark.layer("L1")
        def test_a(broken): pass
        @pytest.mark.layer("L4")
        def test_b(): pass
        """
    )
    pytester.runpytest(*PLUGIN, "-v").stdout.fnmatch_lines(["*test_b BLOCKED (blocked by L1)*"])


def test_one_layer_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FOUR.format(two=True))
    pytester.runpytest(*PLUGIN, "--layer", "L2").assert_outcomes(passed=1, deselected=3)


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ("", "test_it carries no layer"),
        ('@pytest.mark.layer("L1")\n@pytest.mark.layer("L2")\n', "carries 2 layers"),
        ('@pytest.mark.layer("L9")\n', "carries the unknown layer L9"),
    ],
)
def test_a_test_without_exactly_one_layer_is_refused(pytester: pytest.Pytester, marks: str, words: str) -> None:
    pytester.makepyfile(f"import pytest\n{marks}def test_it(): pass\n")
    result = pytester.runpytest(*PLUGIN)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{words}*"])
