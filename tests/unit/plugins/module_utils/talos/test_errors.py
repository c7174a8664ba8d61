# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors: one line, typed, complete."""

from __future__ import annotations

import pickle

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors


def test_text() -> None:
    error = errors.FailedPrecondition(
        "cp1", "bootstrap is\n  not available yet", method="/a.B/C", remedy="wait\nfor it"
    )
    assert str(error) == "cp1: a.B/C: bootstrap is not available yet (FAILED_PRECONDITION); remedy: wait for it"
    assert error.cause == "bootstrap is\n  not available yet"
    assert str(errors.TalosError("cp1", "odd")) == "cp1: odd (UNKNOWN)"


@pytest.mark.parametrize(
    "kind", [errors.Unreachable, errors.CertificateRefused, errors.MaintenanceMode, errors.NotInMaintenance]
)
def test_errors_of_connecting_have_a_remedy(kind: type[errors.TalosError]) -> None:
    assert "; remedy: " in str(kind("cp1", "x"))


@pytest.mark.parametrize("code", ["NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE"])
def test_from_status(code: str) -> None:
    error = errors.from_status("cp1", "/a.B/C", code, "why")
    assert (error.node, error.method, error.code, error.cause) == ("cp1", "a.B/C", code, "why")
    assert isinstance(error, errors.NotFound) is (code == "NOT_FOUND")


def test_errors_travel_between_processes() -> None:
    error = errors.Unreachable("cp1", "x", method="a.B/C", remedy="r")
    again = pickle.loads(pickle.dumps(error))
    assert again.__class__ is errors.Unreachable
    assert str(again) == str(error)
