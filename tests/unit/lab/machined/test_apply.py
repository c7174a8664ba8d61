# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ApplyConfiguration: modes, refusals, texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import InvalidArgument, TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .home import DEAF_POD, MODES, Home, apply, config, configure, control_plane, definition, play, stage, until

NODE = definition("cp1", "198.18.9.11", "controlplane")
SYSCTL = "net.core.somaxconn"


def _sysctl(value: str) -> Callable[[MachineConfig], None]:
    def change(config: MachineConfig) -> None:
        config.v1alpha1["machine"].setdefault("sysctls", {})[SYSCTL] = value

    return change


def _udev(config: MachineConfig) -> None:
    config.v1alpha1["machine"]["udev"] = {"rules": ['SUBSYSTEM=="net", NAME="lan0"']}


def _active(lab: Home) -> MachineConfig:
    found = lab.machines["cp1"].node.config
    assert found is not None
    return found


def _stored(lab: Home) -> bytes:
    return lab.machines["cp1"].node.partitions.load_config() or b""


def test_same_configuration_again_changes_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        runtime = lab.runtimes["cp1"]
        boot, processes = runtime.boot_id, list(runtime.processes)
        async with lab.client("198.18.9.11") as client:
            answer = await apply(client, config(NODE))
        assert (MODES.Name(answer.mode), answer.mode_details) == ("NO_REBOOT", "Applied configuration without a reboot")
        assert (runtime.boot_id, runtime.processes) == (boot, processes)

    play(tmp_path, scenario)


def test_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        before = _stored(lab)
        async with lab.client("198.18.9.11") as client:
            same = await apply(client, config(NODE), dry_run=True)
            other = await apply(client, config(NODE, _sysctl("4096")), dry_run=True)
            reboot = await apply(client, config(NODE, _udev), dry_run=True)
        assert same.mode_details == (
            "Dry run summary:\nApplied configuration without a reboot (skipped in dry-run).\n"
            "Config diff:\n\nNo changes."
        )
        assert re.search(f"^[+] +{SYSCTL}: .4096.$", other.mode_details, re.M)
        assert MODES.Name(reboot.mode) == "REBOOT"
        assert reboot.mode_details.startswith(
            "Dry run summary:\nApplied configuration with a reboot (skipped in dry-run).\nConfig diff:\n\n---"
        )
        assert _stored(lab) == before
        assert lab.machines["cp1"].stage == "running"

    play(tmp_path, scenario)


def test_immediate_change_is_active_and_stored(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        boot, data = lab.runtimes["cp1"].boot_id, config(NODE, _sysctl("4096"))
        async with lab.client("198.18.9.11") as client:
            await apply(client, data)
            active = await client.get("config", "MachineConfigs.config.talos.dev", "v1alpha1")
            stored = await client.get("config", "MachineConfigs.config.talos.dev", "persistent")
        assert active.spec == stored.spec == data.decode()
        assert active.annotations == {"talos.dev/yaml-spec": "true"}
        assert lab.runtimes["cp1"].boot_id == boot

    play(tmp_path, scenario)


def test_change_that_needs_a_reboot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        boot, data = lab.runtimes["cp1"].boot_id, config(NODE, _udev)
        async with lab.client("198.18.9.11") as client:
            with pytest.raises(InvalidArgument, match="this config change can't be applied in immediate mode"):
                await apply(client, data, "NO_REBOOT")
            assert "udev" not in _active(lab).v1alpha1["machine"]
            answer = await apply(client, data, "AUTO")
        assert MODES.Name(answer.mode) == "REBOOT"
        assert answer.mode_details.startswith("Applied configuration with a reboot: this config change can't be")
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "reboot")
        await stage(machine, "running")
        assert "udev" in _active(lab).v1alpha1["machine"]

    play(tmp_path, scenario)


def test_staged_configuration_waits_for_the_reboot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        data = config(NODE, _sysctl("8192"))
        async with lab.client("198.18.9.11") as client:
            answer = await apply(client, data, "STAGED")
        assert answer.mode_details == "Staged configuration to be applied after the next reboot"
        assert "sysctls" not in _active(lab).v1alpha1["machine"]
        assert _stored(lab) == data
        boot = lab.runtimes["cp1"].boot_id
        await machine.reboot()
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "reboot")
        await stage(machine, "running")
        assert _active(lab).value("machine", "sysctls") == {SYSCTL: "8192"}

    play(tmp_path, scenario)


def test_tried_configuration_is_taken_back(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        before = _stored(lab)
        async with lab.client("198.18.9.11") as client:
            answer = await apply(client, config(NODE, _sysctl("1")), "TRY")
        assert answer.mode_details == (
            "Applied configuration without a reboot\n"
            "The config is applied in 'try' mode and will be automatically reverted back in 1m0s"
        )
        assert _active(lab).value("machine", "sysctls") == {SYSCTL: "1"}
        assert _stored(lab) == before
        lab.clock.advance(61)
        await until(lambda: "sysctls" not in _active(lab).v1alpha1["machine"], "rollback")

    play(tmp_path, scenario)


def test_later_configuration_cancels_the_rollback(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await apply(client, config(NODE, _sysctl("1")), "TRY")
            await apply(client, config(NODE, _sysctl("2")))
            lab.clock.advance(120)
            await apply(client, config(NODE, _sysctl("2")), dry_run=True)
        assert _active(lab).value("machine", "sysctls") == {SYSCTL: "2"}

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"machine: [", r"decode error: yaml: line \d+"),
        (b"", "config not found"),
        (
            config(NODE).replace(b"\nmachine:\n", b"\nmachine:\n    kubspan: {}\n", 1),
            r"error decoding document /v1alpha1/ \(line 1\): unknown keys found during decoding:\s+machine:\s+kubspan",
        ),
        (
            config(NODE) + b"---\napiVersion: v1alpha1\nkind: NoSuchConfig\n",
            '"NoSuchConfig" "v1alpha1": not registered',
        ),
        (config(NODE) + b"---\nkind: HostnameConfig\n", "missing apiVersion"),
        (b"apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n", "doesn't contain v1alpha1 config"),
        (config(NODE).replace(b"type: controlplane", b"type: boss"), "unknown machine type"),
    ],
)
def test_refused_configurations(tmp_path: Path, data: bytes, text: str) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        await stage(machine, "maintenance")
        async with lab.client("198.18.9.11", insecure=True) as client:
            with pytest.raises(InvalidArgument) as refusal:
                await apply(client, data)
        assert refusal.match(text), refusal.value.cause
        assert machine.node.config is None

    play(tmp_path, scenario)


def test_modes_in_maintenance(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", "198.18.9.11")
        await stage(machine, "maintenance")
        async with lab.client("198.18.9.11", insecure=True) as client:
            with pytest.raises(TalosError, match="--mode='try' is not supported in maintenance mode"):
                await apply(client, config(NODE), "TRY")
            answer = await apply(client, config(NODE), "REBOOT")
        assert MODES.Name(answer.mode) == "NO_REBOOT"
        await stage(machine, "booting")

    play(tmp_path, scenario)


def test_only_the_kubelet_restarts_when_only_it_changed(tmp_path: Path) -> None:
    def change(config: MachineConfig) -> None:
        config.v1alpha1["machine"].setdefault("kubelet", {}).setdefault("extraArgs", {})["v"] = "4"

    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        runtime = lab.runtimes["cp1"]
        before = {id: [each.pid for each in runtime.running(id)] for id in ("kubelet", "etcd", "cri")}
        async with lab.client("198.18.9.11") as client:
            await apply(client, config(NODE, change))
        await until(lambda: machine.node.is_up("kubelet"), "kubelet up again")
        after = {id: [each.pid for each in runtime.running(id)] for id in before}
        assert after["kubelet"] != before.pop("kubelet")
        assert before == {id: after[id] for id in before}

    play(tmp_path, scenario)


def test_configuration_is_refused_while_a_reboot_is_pending(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        machine.node.busy = "reboot"
        async with lab.client("198.18.9.11") as client:
            with pytest.raises(TalosError, match="another apply configuration is already in progress"):
                await apply(client, config(NODE))
        machine.node.busy = ""

    play(tmp_path, scenario)


def test_nothing_more_is_applied_once_a_configuration_reboots_the_node(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        boot = lab.runtimes["cp1"].boot_id
        # The reboot waits for a pod that does not end.
        lab.programs["cp1"].kubernetes.running = [DEAF_POD]
        async with lab.client("198.18.9.11") as client:
            await apply(client, config(NODE, _udev), "REBOOT")
            with pytest.raises(TalosError, match="configuration was already applied and node is rebooting"):
                await apply(client, config(NODE))
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "reboot")
        await stage(machine, "running")
        async with lab.client("198.18.9.11") as client:
            assert MODES.Name((await apply(client, config(NODE, _udev), "AUTO")).mode) == "NO_REBOOT"

    play(tmp_path, scenario)


def test_any_request_but_another_try_keeps_what_was_tried(tmp_path: Path) -> None:
    """Talos stops the timer before it looks at the request, also at a dry run."""

    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client("198.18.9.11") as client:
            await apply(client, config(NODE, _sysctl("1")), "TRY")
            await apply(client, config(NODE), dry_run=True)
            lab.clock.advance(120)
            await apply(client, config(NODE, _sysctl("3")), "TRY", dry_run=True)
        assert _active(lab).value("machine", "sysctls") == {SYSCTL: "1"}
        lines = lab.machines["cp1"].node.journal.kernel.tail()
        assert any("apply config request: mode try" in line for line in lines)

    play(tmp_path, scenario)


def test_hostname_of_the_configuration(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await lab.add("cp1", "198.18.9.11")
        await configure(lab, "cp1", config(NODE))
        assert lab.machines["cp1"].node.hostname == "cp1"
        assert (tmp_path / "cp1" / "etc" / "hostname").read_text() == "cp1\n"
        assert "nameserver 198.18.9.1" in (tmp_path / "cp1" / "etc" / "resolv.conf").read_text()

    play(tmp_path, scenario)


def test_talos_1_14_never_reboots_for_a_configuration(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        lab.version = "v1.14.1"
        await control_plane(lab)
        boot = lab.runtimes["cp1"].boot_id
        async with lab.client("198.18.9.11") as client:
            answer = await apply(client, config(NODE, _udev))
            assert answer.mode_details == "Applied configuration without a reboot"
            with pytest.raises(TalosError, match="the REBOOT mode is not supported, please use AUTO or NO_REBOOT"):
                await apply(client, config(NODE, _udev), "REBOOT")
        assert lab.runtimes["cp1"].boot_id == boot

    play(tmp_path, scenario)


def test_stored_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        await machine.power_off()
        machine.node.partitions.save_config(b"machine: [")
        await machine.power_on()
        await stage(machine, "maintenance")
        assert any(
            "failed to load config from STATE: decode error" in line for line in machine.node.journal.kernel.tail()
        )

    play(tmp_path, scenario)
