# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From maintenance to running over the wire."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import AlreadyExists, MaintenanceMode

from .home import bootstrap, config, configure, control_plane, definition, home, stage, until

NODE = definition("cp1", "198.18.9.11", "controlplane")


def test_from_maintenance_to_running(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with home(tmp_path) as lab:
            machine = await lab.add("cp1", "198.18.9.11")
            await stage(machine, "maintenance")
            async with lab.client("198.18.9.11", insecure=True) as client:
                reply = await client.unary("machine.MachineService/Version")
                assert reply.messages[0].version.tag == "v1.13.9"
                assert not reply.messages[0].HasField("features")
            await configure(lab, "cp1", config(NODE))
            await stage(machine, "booting")
            async with lab.client("198.18.9.11") as client:
                await until(lambda: bootstrap(client), "bootstrap accepted")
                await stage(machine, "running")
                status = await client.get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
                assert status.spec["stage"] == "running"
                with pytest.raises(AlreadyExists, match="etcd data directory is not empty"):
                    await bootstrap(client)

    asyncio.run(scenario())


def test_a_talosconfig_is_refused_in_maintenance(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with home(tmp_path) as lab:
            await stage(await lab.add("cp1", "198.18.9.11"), "maintenance")
            async with lab.client("198.18.9.11") as client:
                with pytest.raises(MaintenanceMode):
                    await client.unary("machine.MachineService/Version")

    asyncio.run(scenario())


def test_machine_becomes_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with home(tmp_path) as lab:
            machine = await control_plane(lab)

            def ready() -> bool:
                spec = machine.node.store.spec("runtime", "MachineStatuses.runtime.talos.dev", "machine")
                return bool(spec["status"]["ready"])

            await until(ready, "ready")

    asyncio.run(scenario())
