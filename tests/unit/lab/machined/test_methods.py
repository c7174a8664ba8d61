# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of methods is complete, and nodes answer as it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.api import build_cosi, played
from ansible_collections.homelab.talos.lab.machined.methods import METHODS, Answer
from ansible_collections.homelab.talos.lab.machined.rpc.refused import reason
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method, services
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized, Unimplemented

from .home import Home, control_plane, play

ADDRESS = "198.18.9.11"
# Served elsewhere: trustd on port 50001, and what asks other nodes.
NOT_OF_APID = "securityapi.SecurityService"
ASKS_OTHERS = {"/cluster.ClusterService/HealthCheck"}
REFUSED = {path for path, each in METHODS.items() if each.answer is Answer.REFUSED}


def test_table_holds_every_method_of_the_api() -> None:
    known = {each.path for name, methods in services().items() if name != NOT_OF_APID for each in methods.values()}
    assert set(METHODS) == known


def test_what_is_not_refused_is_played(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", ADDRESS)
        handlers = played(machine.node, build_cosi(machine.node), machine.configurator, machine.request)
        assert set(METHODS) - REFUSED - set(handlers) == ASKS_OTHERS
        assert set(handlers) - set(METHODS) == set()

    play(tmp_path, scenario)


async def _ask(client: Client, path: str) -> Any:
    found = method(path)
    if found.client_streaming:
        pytest.fail(f"{path}: this test sends one request only")
    if found.server_streaming:
        return [reply async for reply in client.stream(path.lstrip("/"), found.request_class())]
    return await client.unary(path.lstrip("/"), found.request_class())


def test_refused_methods_say_why(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        for path in sorted(each for each in REFUSED if not method(each).client_streaming):
            async with lab.client(ADDRESS) as client:
                with pytest.raises(Unimplemented) as refusal:
                    await _ask(client, path)
            assert refusal.value.cause == reason(path, METHODS[path], "v1.13.9"), path
        # The negative twins: a method that is played does not answer so, and a refusal is not for everybody to see.
        async with lab.client(ADDRESS) as client:
            assert (await _ask(client, "/machine.MachineService/Version")).messages
        async with lab.client(ADDRESS, "os:reader") as client:
            with pytest.raises(NotAuthorized):
                await _ask(client, "/machine.MachineService/PacketCapture")

    play(tmp_path, scenario)


def test_services_that_a_version_does_not_have() -> None:
    path = "/machine.LVMService/VolumeGroupRemove"
    assert reason(path, METHODS[path], "v1.13.9") == "unknown service machine.LVMService"
    assert reason(path, METHODS[path], "v1.14.0").endswith(METHODS[path].note)
