# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smaller calls: services, logs, dmesg, etcd, credentials, META, time, files."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    TalosError,
    Unimplemented,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import parse_talosconfig

from .home import Home, chunks, control_plane, play, stage, status, unary, until, worker

ADDRESS, WORKER = "198.18.9.11", "198.18.9.21"


def test_service_list_of_a_control_plane(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            services = {each.id: each for each in (await unary(client, "ServiceList")).services}
        assert list(services) == sorted(services)
        assert set(services) >= {"apid", "containerd", "cri", "etcd", "kubelet", "machined", "trustd", "udevd"}
        assert {each.state for each in services.values()} == {"Running"}
        kubelet = services["kubelet"]
        assert (kubelet.health.unknown, kubelet.health.healthy) == (False, True)
        texts = [event.msg for event in kubelet.events.events]
        assert texts[0] == "Starting service"
        assert texts[-1] == "Health check successful"
        assert texts[-2].startswith("Started task kubelet (PID ")
        assert kubelet.events.events[-1].state == "Running"

    play(tmp_path, scenario)


def test_service_that_fails_its_health_check(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        lab.programs["cp1"].kubelet.problem = "dial tcp 127.0.0.1:10248: connect: connection refused"
        await until(lambda: not machine.node.is_up("kubelet"), "kubelet unhealthy")
        newest = machine.node.services["kubelet"].events[-1]
        assert newest.message == ("Health check failed: dial tcp 127.0.0.1:10248: connect: connection refused")
        await until(lambda: not status(machine)["status"]["ready"], "not ready")
        assert {"name": "services", "reason": "kubelet not healthy"} in status(machine)["status"]["unmetConditions"]
        assert machine.stage == "running"

    play(tmp_path, scenario)


def test_program_that_ends_is_started_again(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        (process,) = lab.runtimes["cp1"].running("kubelet")
        process.end(1)
        await until(lambda: lab.runtimes["cp1"].running("kubelet"), "second kubelet")
        texts = [event.message for event in machine.node.services["kubelet"].events]
        assert 'Error running kubelet, going to restart forever: task "kubelet" failed: exit code 1' in texts

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("call", "id", "text"),
    [
        ("ServiceStop", "kubelet", 'service "kubelet" doesn\'t support stop operation via API'),
        ("ServiceRestart", "etcd", 'service "etcd" doesn\'t support restart operation via API'),
        ("ServiceStop", "apid", 'service "apid" doesn\'t support stop operation via API'),
        ("ServiceStart", "nope", 'service "nope" not defined'),
    ],
)
def test_refused_service_operations(tmp_path: Path, call: str, id: str, text: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(TalosError) as refusal:
                await unary(client, call, id=id)
        assert (refusal.value.code, refusal.value.cause) == ("UNKNOWN", text)

    play(tmp_path, scenario)


def test_what_is_so_already_needs_no_permission(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        extension = "ext-zfs-service"
        (before,) = lab.runtimes["cp1"].running("kubelet")
        async with lab.client(ADDRESS, "os:operator") as client:
            assert (await unary(client, "ServiceStart", id="apid")).resp == 'Service "apid" started'
            assert (await unary(client, "ServiceStart", id="kubelet")).resp == 'Service "kubelet" started'
            assert lab.runtimes["cp1"].running("kubelet") == [before]
            assert (
                await unary(client, "ServiceStop", id="ext-zfs-service")
            ).resp == 'Service "ext-zfs-service" stopped'
            assert machine.node.services[extension].state.value == "Finished"
            assert (
                await unary(client, "ServiceStop", id="ext-zfs-service")
            ).resp == 'Service "ext-zfs-service" stopped'
            assert (await unary(client, "ServiceRestart", id=extension)).resp.endswith("restarted")
            await until(lambda: machine.node.is_up(extension), "extension up again")
            assert (await unary(client, "ServiceRestart", id="kubelet")).resp == 'Service "kubelet" restarted'
            await until(lambda: lab.runtimes["cp1"].running("kubelet") not in ([], [before]), "another kubelet")

    play(tmp_path, scenario)


def test_logs(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            ids = (await unary(client, "LogsContainers")).ids
            assert {"kubelet", "machined"} <= set(ids)
            assert await chunks(client, "Logs", namespace="system", id="kubelet", tail_lines=-1) == b"kubelet started\n"
            own = await chunks(client, "Logs", namespace="system", id="machined", tail_lines=2)
            assert own.count(b"\n") == 2
            for fields, text in (
                ({"namespace": "system", "id": "nope"}, 'log "nope" was not registered'),
                (
                    {"namespace": "k8s.io", "id": "kube-system/x:y", "driver": 1},
                    'container "kube-system/x:y" not found',
                ),
                ({"namespace": "cri", "id": "x", "driver": 1}, "CRI inspector is supported only for K8s namespace"),
            ):
                with pytest.raises(TalosError) as refusal:
                    await chunks(client, "Logs", tail_lines=-1, **fields)
                assert (refusal.value.code, refusal.value.cause) == ("UNKNOWN", text)
            with pytest.raises(InvalidArgument, match="namespace can't be empty"):
                await chunks(client, "Logs", id="x", tail_lines=-1)

    play(tmp_path, scenario)


def test_dmesg_has_one_message_per_line(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            lines = [data.bytes.decode() async for data in client.stream("machine.MachineService/Dmesg")]
        assert all(line.startswith("user: warning: [") and line.index("\n") == len(line) - 1 for line in lines)
        assert any("[talos] boot sequence: done" in line for line in lines)
        assert any("service[etcd](Running)" in line for line in lines)

    play(tmp_path, scenario)


def test_etcd_calls(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await stage(await worker(lab), "running")
        async with lab.client(ADDRESS) as client:
            (member,) = (await unary(client, "EtcdMemberList")).members
            assert (member.id, member.hostname) == (0xA1, "cp1")
            assert (await unary(client, "EtcdStatus")).member_status.protocol_version == "3.6.12"
            assert await chunks(client, "EtcdSnapshot") == b"snapshot"
            with pytest.raises(TalosError, match="failed to leave cluster: etcdserver: re-configuration failed"):
                await unary(client, "EtcdLeaveCluster")
            assert lab.programs["cp1"].control_plane.prepared > 0
        async with lab.client(WORKER) as client:
            with pytest.raises(Unimplemented) as refusal:
                await unary(client, "EtcdMemberList")
            assert refusal.value.cause == "member list is only available on control plane nodes"
            with pytest.raises(Unimplemented, match="bootstrap is only available on control plane nodes"):
                await unary(client, "Bootstrap")

    play(tmp_path, scenario)


def test_kubeconfig(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await stage(await worker(lab), "running")
        async with lab.client(ADDRESS) as client:
            archive = await chunks(client, "Kubeconfig")
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
            (member,) = tar.getmembers()
            content = tar.extractfile(member)
            assert content is not None
            document = yaml.safe_load(content.read())
        assert (member.name, member.mode) == ("kubeconfig", 0o600)
        assert document["current-context"] == "admin@home"
        assert document["clusters"][0]["cluster"]["server"] == "https://198.18.9.11:6443"
        async with lab.client(WORKER) as client:
            with pytest.raises(Unimplemented, match="kubeconfig is only available on control plane nodes"):
                await chunks(client, "Kubeconfig")

    play(tmp_path, scenario)


def test_client_configuration(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await stage(await worker(lab), "running")
        ttl = message("google.protobuf.Duration")()
        ttl.FromTimedelta(timedelta(hours=1))
        async with lab.client(ADDRESS) as client:
            answer = await unary(client, "GenerateClientConfiguration", roles=["os:reader"], crt_ttl=ttl)
            context = parse_talosconfig(answer.talosconfig.decode(), "talosconfig")
            assert context.name == "reader@home"
            assert pki.certificate_roles(answer.crt) == ["os:reader"]
            with pytest.raises(InvalidArgument, match="crt_ttl should be positive"):
                await unary(client, "GenerateClientConfiguration", roles=["os:reader"])
        async with lab.client(ADDRESS, creds=context.credentials) as client:
            assert (await unary(client, "Version")).version.tag
        async with lab.client(WORKER) as client:
            with pytest.raises(FailedPrecondition, match="can't be generated on worker nodes"):
                await unary(client, "GenerateClientConfiguration", roles=["os:reader"], crt_ttl=ttl)

    play(tmp_path, scenario)


def test_meta(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client(ADDRESS, "os:meta:writer") as client:
            await unary(client, "MetaWrite", key=12, value=b"mine")
            with pytest.raises(InvalidArgument, match="key must be a uint8"):
                await unary(client, "MetaWrite", key=256, value=b"")
            with pytest.raises(NotFound):
                await unary(client, "MetaDelete", key=13)
            most = 256 * 1024 - 40 - 20 - (len(b"mine") + 8)
            with pytest.raises(TalosError, match="meta write failed") as refusal:
                await unary(client, "MetaWrite", key=13, value=b"x" * (most + 1))
            assert refusal.value.code == "RESOURCE_EXHAUSTED"
            await unary(client, "MetaWrite", key=13, value=b"x" * most)
            await unary(client, "MetaDelete", key=13)
        assert machine.node.store.spec("runtime", "MetaKeys.runtime.talos.dev", "0x0c") == {"value": "mine"}
        await machine.power_off()
        await machine.power_on()
        await stage(machine, "running")
        async with lab.client(ADDRESS, "os:meta:writer") as client:
            await unary(client, "MetaDelete", key=12)
        assert machine.node.store.list("runtime", "MetaKeys.runtime.talos.dev") == []

    play(tmp_path, scenario)


def test_time(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            assert (await client.unary("time.TimeService/Time")).messages[0].server == "time.cloudflare.com"
            with pytest.raises(InvalidArgument, match="ntp server is required"):
                await client.unary("time.TimeService/TimeCheck")

    play(tmp_path, scenario)


def test_counters_of_the_machine(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        async with lab.client(ADDRESS, "os:reader") as client:
            assert (await unary(client, "Memory")).meminfo.memtotal > 0
            assert len((await unary(client, "CPUInfo")).cpu_info) > 0
            stat = await unary(client, "SystemStat")
            await unary(client, "LoadAvg")
            await unary(client, "DiskStats")
        assert stat.boot_time == machine.node.boot_time
        assert stat.cpu_total.user > 0

    play(tmp_path, scenario)


def test_reading_files_that_are_none(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(NotFound, match="no such file or directory"):
                await chunks(client, "Read", path="/system/state/nothing")
            with pytest.raises(TalosError, match="path must be a regular file"):
                await chunks(client, "Read", path="/system/state")
            with pytest.raises(TalosError, match="path is not absolute"):
                await chunks(client, "Copy", root_path="etc")

    play(tmp_path, scenario)
