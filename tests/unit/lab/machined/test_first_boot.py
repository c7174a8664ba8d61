# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From maintenance to running, over the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdStart
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MaintenanceMode,
    NotInMaintenance,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .home import (
    Home,
    apply,
    bootstrap,
    chunks,
    config,
    configure,
    control_plane,
    definition,
    play,
    stage,
    status,
    unary,
    until,
)

NODE = definition("cp1", "198.18.9.11", "controlplane")


def test_from_maintenance_to_running(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        await stage(machine, "maintenance")
        assert sorted(machine.node.services) == [
            *("apid", "auditd", "containerd", "dashboard", "machined", "syslogd", "udevd")
        ]
        async with lab.client("198.18.9.11", insecure=True) as client:
            answer = await unary(client, "Version")
            assert (answer.version.tag, answer.platform.name, answer.platform.mode) == ("v1.13.9", "metal", "metal")
            assert not answer.HasField("features")
        lab.programs["cp1"].cri.problem = "connection refused"
        await configure(lab, "cp1", config(NODE))
        await stage(machine, "booting")
        assert lab.machines["cp1"].node.partitions.system_disk == "/dev/vda"
        async with lab.client("198.18.9.11") as client:
            assert (await unary(client, "Version")).features.rbac
            with pytest.raises(FailedPrecondition, match="bootstrap is not available yet"):
                await bootstrap(client)
            lab.programs["cp1"].cri.problem = None
            await until(lambda: bootstrap(client), "bootstrap accepted")
            await stage(machine, "running")
            resource = await client.get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
            assert resource.spec["stage"] == "running"
            with pytest.raises(AlreadyExists, match="etcd data directory is not empty"):
                await bootstrap(client)
        assert [facts.bootstrap for facts in lab.programs["cp1"].etcd.prepared] == [EtcdStart()]

    play(tmp_path, scenario)


def test_stored_configuration_is_private_and_as_received(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        data = b"# a comment of the operator\n" + config(NODE)
        await configure(lab, "cp1", data)
        stored = machine.node.partitions.state / "config.yaml"
        assert stored.read_bytes() == data
        assert stored.stat().st_mode & 0o777 == 0o600
        async with lab.client("198.18.9.11") as client:
            assert await chunks(client, "Read", path="/system/state/config.yaml") == data

    play(tmp_path, scenario)


def test_wrong_kind_of_client_is_told_so(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await stage(await lab.add("cp1", "198.18.9.11"), "maintenance")
        async with lab.client("198.18.9.11") as client:
            with pytest.raises(MaintenanceMode):
                await unary(client, "Version")
        await configure(lab, "cp1", config(NODE))
        await until(lambda: lab.machines["cp1"].node.is_up("apid"), "apid up")
        async with lab.client("198.18.9.11", insecure=True) as client:
            with pytest.raises(NotInMaintenance):
                await unary(client, "Version")

    play(tmp_path, scenario)


def test_unmet_conditions_until_ready(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        assert status(machine) is None or status(machine)["stage"] in ("booting", "maintenance")
        await configure(lab, "cp1", config(NODE))
        lab.programs["cp1"].kubernetes.available = False
        await until(lambda: machine.node.is_up("kubelet"), "kubelet up")
        conditions = {each["name"]: each["reason"] for each in status(machine)["status"]["unmetConditions"]}
        assert conditions["services"] == "etcd not running"
        assert conditions["nodeReady"] == 'node "cp1" status is not available yet'
        async with lab.client("198.18.9.11") as client:
            await until(lambda: bootstrap(client), "bootstrap accepted")
        await stage(machine, "running")
        lab.programs["cp1"].kubernetes.available = True
        await until(lambda: status(machine)["status"]["ready"], "ready")
        assert status(machine)["status"]["unmetConditions"] == []

    play(tmp_path, scenario)


def test_node_object_is_brought_in_line_once_it_exists(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await until(lambda: lab.programs["cp1"].kubernetes.applied == ["cp1"], "labels applied")
        assert lab.programs["cp1"].control_plane.published == 1

    play(tmp_path, scenario)


def test_install_disk_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        await stage(machine, "maintenance")
        node = definition("cp1", "198.18.9.11", "controlplane", install={"disk": "/dev/sdz"})
        async with lab.client("198.18.9.11", insecure=True) as client:
            with pytest.raises(InvalidArgument, match='no disks matched the expression: disk.dev_path == "/dev/sdz"'):
                await apply(client, config(node))
        assert machine.stage == "maintenance"

    play(tmp_path, scenario)


def test_programs_find_the_authorities_that_the_configuration_trusts(tmp_path: Path) -> None:
    text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"

    def trusting(config: MachineConfig) -> None:
        config.documents.append(
            {"apiVersion": "v1alpha1", "kind": "TrustedRootsConfig", "name": "lab", "certificates": text}
        )

    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        await configure(lab, "cp1", config(NODE, trusting))
        trusted = machine.node.runtime.directory / "etc/ssl/certs/ca-certificates.crt"
        assert trusted.read_text().endswith(f"# lab\n\n{text}\n")
        async with lab.client("198.18.9.11") as client:
            await apply(client, config(NODE))
        assert text not in trusted.read_text()

    play(tmp_path, scenario)
