# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest plugin: a skipped test is a failed one, unless the provider lacks what the scenario does not require.

A check that was not run is never a pass.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ansible_collections.homelab.talos.tests.testinfra.not_run import NotRun


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn every other skip into a failure."""
    report = yield
    allowed = call.excinfo is not None and call.excinfo.errisinstance(NotRun)
    if report.skipped and not allowed and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"unexpected skip: {reason}; a check that was not run is no pass"
    return report
