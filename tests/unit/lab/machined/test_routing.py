# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests for other nodes: metadata node and nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    InvalidArgument,
    NotAuthorized,
    TalosError,
    Unreachable,
)

from .home import Home, control_plane, play, stage, worker

VERSION = "machine.MachineService/Version"
HOSTNAME = "machine.MachineService/Hostname"
CP, WORKER = "198.18.9.11", "198.18.9.21"


async def _pair(lab: Home) -> None:
    await control_plane(lab)
    await stage(await worker(lab), "running")


def test_answers_without_routing_have_no_metadata(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(CP) as client:
            assert not (await client.unary(VERSION)).messages[0].HasField("metadata")
            one = await client.unary(VERSION, node=CP)
            many = await client.unary(VERSION, nodes=[CP])
        assert not one.messages[0].HasField("metadata")
        assert many.messages[0].metadata.hostname == CP

    play(tmp_path, scenario)


def test_control_plane_forwards(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await _pair(lab)
        async with lab.client(CP) as client:
            one = await client.unary(HOSTNAME, node=WORKER)
            by_name = await client.unary(HOSTNAME, node="w1")
            many = await client.unary(HOSTNAME, nodes=[CP, WORKER])
            resource = await client.get("network", "HostnameStatuses.net.talos.dev", "hostname", node=WORKER)
        assert one.messages[0].hostname == by_name.messages[0].hostname == resource.spec["hostname"] == "w1"
        assert [(each.metadata.hostname, each.hostname) for each in many.messages] == [(CP, "cp1"), (WORKER, "w1")]

    play(tmp_path, scenario)


def test_forwarded_calls_keep_the_roles_of_the_caller(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await _pair(lab)
        async with lab.client(CP, "os:reader") as client:
            assert (await client.unary(HOSTNAME, node=WORKER)).messages[0].hostname == "w1"
            with pytest.raises(NotAuthorized, match="not authorized"):
                await client.unary("machine.MachineService/Reboot", node=WORKER)
        assert lab.machines["w1"].stage == "running"

    play(tmp_path, scenario)


def test_merged_streams_name_their_node(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await _pair(lab)
        async with lab.client(CP) as client:
            path = "machine.MachineService/Dmesg"
            names = {data.metadata.hostname async for data in client.stream(path, nodes=[CP, WORKER])}
        assert names == {CP, WORKER}

    play(tmp_path, scenario)


def test_worker_forwards_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await _pair(lab)
        async with lab.client(WORKER) as client:
            for target in ({"node": CP}, {"nodes": [CP]}, {"nodes": [WORKER, CP]}):
                with pytest.raises(NotAuthorized, match="no request forwarding"):
                    await client.unary(VERSION, **target)
            assert not (await client.unary(VERSION, nodes=[WORKER])).messages[0].HasField("metadata")
            assert (await client.unary(HOSTNAME, node=WORKER)).messages[0].hostname == "w1"

    play(tmp_path, scenario)


def test_unreachable_target(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(CP) as client:
            with pytest.raises((Unreachable, TalosError)) as refusal:
                await client.unary(VERSION, node="198.18.9.99")
            assert refusal.value.code == "UNAVAILABLE"
            merged = await client.unary(VERSION, nodes=[CP, "198.18.9.99"])
        good, bad = merged.messages
        assert good.version.tag == "v1.13.9"
        assert (bad.metadata.hostname, bad.metadata.status.code) == ("198.18.9.99", 14)
        assert "connection refused" in bad.metadata.error

    play(tmp_path, scenario)


def test_resources_take_one_node_only(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(CP) as client:
            with pytest.raises(InvalidArgument, match="one-2-many proxying is not supported for method"):
                await client.unary("cosi.resource.State/Get", nodes=[CP])

    play(tmp_path, scenario)
