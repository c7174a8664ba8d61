# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an exception to what Ansible shows."""

from __future__ import annotations

import pytest

from ansible_collections.homelab.talos.plugins.module_utils._module.errors import (
    ModuleFailure,
    failure,
    is_expected,
    named,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import WaitTimeout


def test_an_error_of_the_library_keeps_its_parts() -> None:
    error = NotAuthorized("198.18.1.11:50000", "not\nauthorized", method="machine.MachineService/Reboot")
    shown = failure(error)
    assert "\n" not in shown["msg"]
    assert (shown["node"], shown["method"], shown["code"]) == (
        "198.18.1.11:50000",
        "machine.MachineService/Reboot",
        "PERMISSION_DENIED",
    )
    assert shown["remedy"]


def test_a_wait_keeps_what_it_saw() -> None:
    assert failure(WaitTimeout("cp1 to boot", 5, "stage booting"))["last"] == "stage booting"


def test_a_file_that_cannot_be_used() -> None:
    error = PermissionError(13, "Permission denied", "/etc/x")
    assert is_expected(error)
    assert failure(error)["msg"] == "/etc/x: Permission denied; check the path and its permissions"


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), OSError("x")])
def test_a_defect_is_not_explained_away(error: Exception) -> None:
    assert not is_expected(error)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("connection refused", "cp1: connection refused"),
        ("cp1: connection refused", "cp1: connection refused"),
        ("waited for cp1 to boot", "waited for cp1 to boot"),
        ("/ws/cp1.yaml: is missing", "cp1: /ws/cp1.yaml: is missing"),
        ("cp10 is dead", "cp1: cp10 is dead"),
    ],
)
def test_the_node_is_named_once(message: str, shown: str) -> None:
    assert named({"msg": message}, "cp1")["msg"] == shown


def test_details_of_a_refusal() -> None:
    assert failure(ModuleFailure("no", findings=[])) == {"msg": "no", "findings": []}
