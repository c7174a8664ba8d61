# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reboot: seen from the boot id."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized
from ansible_collections.homelab.talos.plugins.modules import reboot
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode

BEFORE, AFTER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def test_waits_for_the_next_boot(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(reboot, **options)
    assert (result["changed"], result["boot_id_before"], result["boot_id_after"]) == (True, BEFORE, AFTER)
    assert result["stage"] == "running"


def test_check_mode_does_not_reboot(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    result = run_module(reboot, check_mode=True, **options)
    assert (result["changed"], result["boot_id_after"], node.boot_id) == (True, "", BEFORE)
    assert "Reboot" not in node.calls


def test_the_mode_is_sent(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    run_module(reboot, **options, mode="force", wait=False)
    assert node.requests[-1].mode == enum("machine.RebootRequest.Mode").Value("FORCE")


def test_says_that_the_node_did_not_reboot(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    node.answers["Reboot"] = lambda fake, request: None
    result = run_module(reboot, **options)
    assert result["exit_status"] == 1
    assert result["msg"] == (
        "waited 20 s for w1 to reach stage running after a reboot;"
        " last observed: stage running, ready, not rebooted yet"
    )


def test_a_reader_is_refused(run_module: Any, options: dict[str, Any], node: FakeNode) -> None:
    node.refuse["Reboot"] = NotAuthorized("198.18.1.12:50000", "not authorized", method="machine.MachineService/Reboot")
    result = run_module(reboot, **options)
    assert result["exit_status"] == 1
    assert result["msg"].startswith("w1: 198.18.1.12:50000: machine.MachineService/Reboot: not authorized")
