# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The skip plugin: a check that was not run is no pass."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "ansible_collections.homelab.talos.tests.testinfra.skips", "-p", "no:cacheprovider", "-rs")


def test_a_skip_is_a_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        def test_inside(): pytest.skip("no time")
        @pytest.mark.skip(reason="not today")
        def test_marked(): pass
        @pytest.fixture
        def absent(): pytest.skip("nothing there")
        def test_fixture(absent): pass
        """
    )
    result = pytester.runpytest(*PLUGIN)
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 3
    assert "passed" not in outcomes
    result.stdout.fnmatch_lines(["*unexpected skip: *no time; a check that was not run is no pass"])


def test_a_lack_that_the_scenario_allows_is_not_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from ansible_collections.homelab.talos.tests.testinfra.not_run import not_run
        def test_it(): not_run("the provider cannot exec")
        """
    )
    result = pytester.runpytest(*PLUGIN)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*not run: the provider cannot exec*"])
