# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a boot from an emulated node: its history ends although the stream of events does not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined.event_log import xid
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import ExpectedNode
from ansible_collections.homelab.talos.plugins.module_utils.rules.timing.from_readings import boot_timing
from ansible_collections.homelab.talos.plugins.module_utils.talos.boot_reading import event_time, read_boot
from ansible_collections.homelab.talos.tests.unit.lab.machined.home import (
    VARIANT,
    Home,
    control_plane,
    play,
    stage,
    status,
    until,
    worker,
)

ADDRESS = "198.18.9.21"


def test_the_time_is_within_the_id_of_an_event() -> None:
    assert event_time(xid(1795000000, b"cp1", 1, 77)) == 1795000000
    with pytest.raises(ValueError, match="substring"):
        event_time("not an id")


def test_a_boot_that_has_finished(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab, "w1", ADDRESS)
        await stage(machine, "running")
        await until(lambda: status(machine)["status"]["ready"], "ready")
        async with lab.client(ADDRESS) as client:
            reading = await read_boot(client)
        assert abs(reading["boot_time"] - time.time()) < 60
        assert [change["stage"] for change in reading["history"]][-1] == "running"
        assert [change["time"] for change in reading["history"]] == sorted(each["time"] for each in reading["history"])
        boot = boot_timing(ExpectedNode("w1", ADDRESS), reading, None)
        assert boot.boot_id == lab.runtimes["w1"].boot_id
        assert {name: clock.reached for name, clock in (boot.clocks or {}).items()} == {
            "kubernetes_ready": True,
            "machine_ready": True,
            "stage_running": True,
        }
        assert (boot.clocks or {})["stage_running"].seconds is not None

    play(tmp_path, scenario)


def test_a_boot_that_waits_for_a_configuration_of_an_extension(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab, "w1", ADDRESS, extensions=(*VARIANT, "tailscale"), role="gateway")
        await until(lambda: status(machine)["status"]["ready"], "ready")
        async with lab.client(ADDRESS, "os:reader") as client:
            reading = await read_boot(client)
        boot = boot_timing(ExpectedNode("w1", ADDRESS, role="gateway"), reading, None)
        assert boot.settled
        assert [str(wait) for wait in boot.waiting_for] == ["ext-tailscale (waiting for extension service config)"]
        assert {name: clock.reached for name, clock in (boot.clocks or {}).items()} == {
            "kubernetes_ready": True,
            "machine_ready": True,
            "stage_running": False,
        }

    play(tmp_path, scenario)
