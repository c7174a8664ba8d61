# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reboot, power-off, shutdown, reset."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdMember, EtcdStart
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError

from .home import Home, chunks, control_plane, play, stage, unary, until, worker

BOOT_ID = "/proc/sys/kernel/random/boot_id"


async def _reset(client: Client, *labels: str, **fields: Any) -> Any:
    request = message("machine.ResetRequest")(**({"graceful": False, "reboot": True} | fields))
    for label in labels:
        request.system_partitions_to_wipe.add(label=label, wipe=True)
    return (await client.unary("machine.MachineService/Reset", request)).messages[0]


async def _collect(stream: AsyncIterator[Any], seen: list[Any]) -> None:
    with contextlib.suppress(TalosError):
        async for event in stream:
            seen.append(event)


def test_reboot_changes_the_boot_id_and_keeps_everything_else(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        identity, hostname = machine.node.node_id, machine.node.hostname
        async with lab.client("198.18.9.11") as client:
            before = await chunks(client, "Read", path=BOOT_ID)
            answer = await unary(client, "Reboot")
            assert len(answer.actor_id) == 36
        await until(lambda: lab.runtimes["cp1"].boot_id.encode() not in before, "reboot")
        await stage(machine, "running")
        async with lab.client("198.18.9.11") as client:
            assert await chunks(client, "Read", path=BOOT_ID) != before
        assert (machine.node.node_id, machine.node.hostname) == (identity, hostname)
        # A member that has data starts again without being asked to bootstrap.
        assert [facts.bootstrap for facts in lab.programs["cp1"].etcd.prepared] == [EtcdStart(), None]

    play(tmp_path, scenario)


def test_events_of_a_reboot_carry_the_actor(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        seen: list[Any] = []
        async with lab.client("198.18.9.11") as watcher, lab.client("198.18.9.11") as client:
            stream = watcher.stream("machine.MachineService/Events", message("machine.EventsRequest")())
            hello = await anext(stream)
            assert (hello.data.type_url, hello.data.value) == ("", b"")
            reading = asyncio.create_task(_collect(stream, seen))
            actor = (await unary(client, "Reboot")).actor_id
            await reading
        sequences = [event for event in seen if event.data.type_url == "talos/runtime/machine.SequenceEvent"]
        first = message("machine.SequenceEvent").FromString(sequences[0].data.value)
        assert (first.sequence, sequences[0].actor_id) == ("reboot", actor)
        assert [event.id for event in seen] == sorted(event.id for event in seen)

    play(tmp_path, scenario)


def test_power_off_is_sudden_and_keeps_the_disk(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        runtime = lab.runtimes["cp1"]
        stored = machine.node.partitions.load_config()
        await machine.power_off()
        assert not machine.is_on
        assert machine.stage == "off"
        assert not runtime.powered
        assert all(process.returncode == -9 for process in runtime.processes)
        await machine.power_off()
        await machine.power_on()
        await stage(machine, "running")
        assert machine.node.partitions.load_config() == stored

    play(tmp_path, scenario)


def test_shutdown_stops_services_in_order_first(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        await machine.shutdown()
        assert not machine.is_on
        processes = {process.id: process.returncode for process in lab.runtimes["cp1"].processes}
        assert processes == {"cri": -15, "kubelet": -15, "etcd": -15, "ext-zfs-service": -15}
        assert lab.programs["cp1"].kubernetes.drained == ["cp1"]
        await machine.power_on()
        await stage(machine, "running")

    play(tmp_path, scenario)


def test_forced_shutdown_does_not_drain(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await unary(client, "Shutdown", force=True)
        await until(lambda: not machine.is_on, "power off")
        assert lab.programs["cp1"].kubernetes.drained == []

    play(tmp_path, scenario)


def test_reset_of_state_leads_to_maintenance(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await _reset(client, "STATE", "EPHEMERAL")
        await until(lambda: machine.stage == "maintenance", "maintenance")
        assert machine.node.partitions.installed
        assert machine.node.partitions.load_config() is None
        assert not (machine.node.partitions.ephemeral / "lib").exists()

    play(tmp_path, scenario)


def test_reset_of_ephemeral_keeps_the_configuration(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        boot = lab.runtimes["w1"].boot_id
        (machine.node.partitions.ephemeral / "kept").write_text("data")
        async with lab.client("198.18.9.21") as client:
            await _reset(client, "EPHEMERAL")
        await until(lambda: lab.runtimes["w1"].boot_id != boot, "reboot")
        await stage(machine, "running")
        assert not (machine.node.partitions.ephemeral / "kept").exists()

    play(tmp_path, scenario)


def test_reset_of_the_whole_disk_needs_an_installation_again(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await _reset(client)
        await until(lambda: machine.stage == "maintenance", "maintenance")
        assert not machine.node.partitions.installed

    play(tmp_path, scenario)


def test_reset_without_reboot_switches_off(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await _reset(client, "STATE", reboot=False)
        await until(lambda: not machine.is_on, "power off")
        assert machine.node.partitions.load_config() is None

    play(tmp_path, scenario)


def test_last_etcd_member_does_not_leave(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        boot = lab.runtimes["cp1"].boot_id
        async with lab.client("198.18.9.11") as client:
            await _reset(client, "STATE", "EPHEMERAL", graceful=True)
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "reboot after the failed sequence")
        await stage(machine, "running")
        assert machine.node.partitions.load_config() is not None
        assert lab.programs["cp1"].etcd_access.removed == []

    play(tmp_path, scenario)


def test_member_of_several_leaves_before_its_reset(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        etcd = lab.programs["cp1"].etcd_access
        etcd.rows.append(EtcdMember(0xB2, "cp2", ("https://cp2:2380",), ()))
        async with lab.client("198.18.9.11") as client:
            await _reset(client, "STATE", "EPHEMERAL", graceful=True)
        await until(lambda: machine.stage == "maintenance", "maintenance")
        assert etcd.removed == [0xA1]
        assert lab.discovery.affiliates(("", "")) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fields", "labels", "text"),
    [
        ({"mode": 1, "user_disks_to_wipe": ["/dev/vdb"]}, (), "wipe mode SYSTEM_DISK doesn't support UserDisksToWipe"),
        ({"mode": 2}, ("STATE",), "wipe mode USER_DISKS doesn't support SystemPartitionsToWipe"),
        ({}, ("NOPE",), 'failed to get volume status with label "NOPE"'),
        ({"user_disks_to_wipe": ["/dev/sdx"]}, (), "reset user disk failed: device /dev/sdx wasn't found"),
        ({"user_disks_to_wipe": ["/dev/vda"]}, (), "reset user disk failed: device /dev/vda is the system disk"),
    ],
)
def test_refused_resets(tmp_path: Path, fields: dict[str, Any], labels: tuple[str, ...], text: str) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            with pytest.raises(TalosError) as refusal:
                await _reset(client, *labels, **fields)
        assert refusal.value.code == "UNKNOWN"
        assert text in refusal.value.cause
        assert machine.stage == "running"

    play(tmp_path, scenario)


def test_discovery_forgets_a_node_that_left(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        control = await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")

        def members() -> list[str]:
            return [each.id for each in control.node.store.list("cluster", "Members.cluster.talos.dev")]

        await until(lambda: members() == ["cp1", "w1"], "two members")
        async with lab.client("198.18.9.21") as client:
            await _reset(client, "STATE", graceful=True)
        await until(lambda: members() == ["cp1"], "one member left")

    play(tmp_path, scenario)


def test_program_that_cannot_be_prepared_again_is_asked_again(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        kubelet, runtime = lab.programs["cp1"].kubelet, lab.runtimes["cp1"]
        prepare = kubelet.prepare

        async def broken(*_: Any) -> Any:
            raise OSError("disk full")

        kubelet.prepare = broken  # type: ignore[method-assign,assignment]
        runtime.running("kubelet")[0].end(1)
        service = machine.node.services["kubelet"]
        await until(lambda: "disk full" in service.events[-1].message, "failure shown")
        kubelet.prepare = prepare  # type: ignore[method-assign]
        await until(lambda: machine.node.is_up("kubelet"), "kubelet up again")

    play(tmp_path, scenario)


def test_power_off_in_the_middle_of_a_reboot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        await machine.reboot()
        await until(lambda: machine.node.stage == "rebooting", "rebooting")
        await machine.power_off()
        assert not lab.runtimes["cp1"].powered
        await machine.power_on()
        await stage(machine, "running")

    play(tmp_path, scenario)
