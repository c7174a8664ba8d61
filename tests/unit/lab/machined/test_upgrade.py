# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades: into the other slot, kept when the boot succeeds, undone when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.installer_images import UnknownImage, image_of
from ansible_collections.homelab.talos.lab.machined.machine import Machine
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotAuthorized, TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions

from .home import VARIANT, Home, control_plane, play, stage, status, unary, until, worker

NAME, ADDRESS = "w1", "198.18.9.21"
BOOT_TIMEOUT = 70 * 60
GATEWAY = (*VARIANT, "tailscale")
UPGRADE_TAG = 6


def installer(names: Sequence[str], version: str = "v1.13.8") -> str:
    """Return the reference of an installer with these extensions."""
    return versions.installer_image(version, extensions.schematic(names)[0])


def names_of(machine: Machine) -> tuple[str, ...]:
    """Return the names of the extensions that a machine has booted with."""
    return tuple(extension.name for extension in machine.node.description.extensions)


async def running_worker(lab: Home) -> Machine:
    """A worker in stage running."""
    await control_plane(lab)
    machine = await worker(lab, NAME, ADDRESS)
    await stage(machine, "running")
    return machine


async def rebooted(lab: Home, before: str) -> None:
    """Wait until the worker has another boot id."""
    await until(lambda: lab.runtimes[NAME].boot_id != before, "reboot")


async def upgrade(lab: Home, image: str) -> None:
    """Upgrade the worker and wait for its next boot."""
    before = lab.runtimes[NAME].boot_id
    async with lab.client(ADDRESS) as client:
        reply = await unary(client, "Upgrade", image=image)
        assert (reply.ack, len(reply.actor_id)) == ("Upgrade request received", 36)
    await rebooted(lab, before)


async def version_of(client: Client) -> str:
    """Return the version of Talos that a node answers with."""
    return str((await unary(client, "Version")).version.tag)


def test_an_upgrade_boots_the_other_slot_and_is_kept_once_it_has_proved_itself(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        assert machine.node.partitions.slots.default == "A"
        await upgrade(lab, installer(VARIANT))
        assert machine.node.partitions.meta() == {UPGRADE_TAG: "A"}
        await stage(machine, "running")
        async with lab.client(ADDRESS) as client:
            assert await version_of(client) == "v1.13.8"
        await until(lambda: status(machine)["status"]["ready"], "ready")
        await until(lambda: machine.node.partitions.meta() == {}, "fallback entry removed")
        assert machine.node.partitions.slots.default == "B"
        kubernetes = lab.programs[NAME].kubernetes
        assert kubernetes.drained == [NAME]
        await until(lambda: not kubernetes.cordoned, "what Talos cordoned is uncordoned")
        assert machine.node.journal.kernel.tail()[-1].endswith("[talos] removing fallback entry")

    play(tmp_path, scenario)


def test_the_sequence_of_an_upgrade_is_in_the_kernel_log(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        kernel = machine.node.journal.kernel
        await upgrade(lab, installer(VARIANT))
        lines = [line.partition("[talos] ")[2] for line in kernel.tail()]
        assert f'task upgrade (1/1): performing upgrade via "{installer(VARIANT)}"' in lines
        wanted = [
            "upgrade sequence: 13 phase(s)",
            "phase drain (1/13): 1 tasks(s)",
            "phase stopServices (4/13): 1 tasks(s)",
            "phase unmount (5/13): 1 tasks(s)",
            "phase upgrade (9/13): 1 tasks(s)",
            "phase stopEverything (12/13): 1 tasks(s)",
            "phase reboot (13/13): 1 tasks(s)",
        ]
        assert [line for line in lines if line in wanted] == wanted

    play(tmp_path, scenario)


def test_a_fresh_upgrade_whose_boot_fails_is_rolled_back(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        await upgrade(lab, installer(GATEWAY))
        await until(lambda: "ext-tailscale" in machine.node.services, "the extension of the new image")
        await until(lambda: status(machine)["status"]["ready"], "ready")
        assert (machine.stage, machine.node.partitions.meta()) == ("booting", {UPGRADE_TAG: "A"})
        boot, journal = lab.runtimes[NAME].boot_id, machine.node.journal.kernel
        lab.clock.advance(BOOT_TIMEOUT)
        await rebooted(lab, boot)
        assert any(line.endswith('[talos] reverting failed upgrade, switching to "A"') for line in journal.tail())
        await stage(machine, "running")
        async with lab.client(ADDRESS) as client:
            assert await version_of(client) == "v1.13.9"
        assert (names_of(machine), machine.node.partitions.meta()) == (VARIANT, {})
        assert machine.node.partitions.slots.default == "A"

    play(tmp_path, scenario)


def test_a_failed_boot_without_an_upgrade_stays_in_its_slot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab, NAME, ADDRESS, extensions=GATEWAY)
        await until(lambda: machine.node.is_up("kubelet"), "kubelet up")
        for _turn in range(2):
            boot = lab.runtimes[NAME].boot_id
            lab.clock.advance(BOOT_TIMEOUT)
            await rebooted(lab, boot)
            await until(lambda: machine.node.is_up("kubelet"), "kubelet up again")
            assert (machine.node.partitions.slots.default, names_of(machine)) == ("A", GATEWAY)

    play(tmp_path, scenario)


def test_rollback_boots_the_former_slot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(TalosError) as refusal:
                await unary(client, "Rollback")
        assert (refusal.value.code, refusal.value.cause) == ("UNKNOWN", 'cannot rollback to "", label does not exist')
        await upgrade(lab, installer(VARIANT))
        await stage(machine, "running")
        boot = lab.runtimes[NAME].boot_id
        async with lab.client(ADDRESS) as client:
            await unary(client, "Rollback")
        await rebooted(lab, boot)
        await stage(machine, "running")
        async with lab.client(ADDRESS) as client:
            assert await version_of(client) == "v1.13.9"

    play(tmp_path, scenario)


async def lifecycle_upgrade(client: Client, image: str) -> list[Any]:
    """Upgrade by the call of Talos 1.13 and return its progress."""
    path = "machine.LifecycleService/Upgrade"
    request = method(path).request_class(source=message("machine.InstallArtifactsSource")(image_name=image))
    return [reply.progress async for reply in client.stream(path, request)]


def test_the_newer_call_leaves_the_reboot_to_its_caller(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        boot = lab.runtimes[NAME].boot_id
        async with lab.client(ADDRESS) as client:
            progress = await lifecycle_upgrade(client, installer(VARIANT))
            assert progress[-1].WhichOneof("response") == "exit_code"
            assert progress[-1].exit_code == 0
            assert (machine.stage, lab.runtimes[NAME].boot_id) == ("running", boot)
            assert await version_of(client) == "v1.13.9"
            await unary(client, "Reboot")
        await rebooted(lab, boot)
        await stage(machine, "running")
        async with lab.client(ADDRESS) as client:
            assert await version_of(client) == "v1.13.8"

    play(tmp_path, scenario)


def test_the_slots_survive_a_power_cycle_and_end_with_the_disk(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        await upgrade(lab, installer(VARIANT))
        await stage(machine, "running")
        await machine.power_off()
        await machine.power_on()
        await stage(machine, "running")
        assert machine.node.description.talos_version == "v1.13.8"
        async with lab.client(ADDRESS) as client:
            await unary(client, "Reset", reboot=True)
        await until(lambda: machine.stage == "maintenance", "maintenance")
        assert machine.node.description.talos_version == "v1.13.9"
        assert machine.node.partitions.slots.default == ""

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("", "error validating installer image"),
        ("example.org/other:v1.13.8", "not found"),
        (installer(VARIANT).replace("v1.13.8", "v1.99.0"), "not found"),
        (f"factory.talos.dev/metal-installer/{'0' * 64}:v1.13.8", "not found"),
    ],
)
def test_an_image_that_cannot_be_installed_changes_nothing(tmp_path: Path, image: str, text: str) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        boot = lab.runtimes[NAME].boot_id
        async with lab.client(ADDRESS) as client:
            with pytest.raises(TalosError, match=text):
                await unary(client, "Upgrade", image=image)
            with pytest.raises(TalosError):
                await lifecycle_upgrade(client, image)
        assert (machine.stage, lab.runtimes[NAME].boot_id) == ("running", boot)
        assert (machine.node.partitions.slots.default, machine.node.partitions.meta()) == ("A", {})

    play(tmp_path, scenario)


def test_an_installer_that_refuses_the_host_leaves_the_slots_as_they_are(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        lab.version = "v1.14.1"
        machine = await running_worker(lab)
        boot, image = lab.runtimes[NAME].boot_id, installer(VARIANT, "v1.12.11")
        fault = "pre-flight checks failed: host version 1.14.1 is too new to downgrade to Talos 1.12.11"
        async with lab.client(ADDRESS) as client:
            progress = await lifecycle_upgrade(client, image)
            assert (progress[-2].message, progress[-1].exit_code) == (fault, 1)
            assert (machine.stage, lab.runtimes[NAME].boot_id) == ("running", boot)
            kernel = machine.node.journal.kernel
            await unary(client, "Upgrade", image=image)
        await rebooted(lab, boot)
        lines = [line.partition("]: ")[2] for line in kernel.tail()]
        assert fault in lines
        assert '[talos] task upgrade (1/1): failed: task "upgrade" failed: exit code 1' in lines
        await stage(machine, "running")
        assert (machine.node.partitions.slots.default, machine.node.partitions.meta()) == ("A", {})

    play(tmp_path, scenario)


def test_only_an_admin_may_upgrade_and_only_what_is_installed(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await running_worker(lab)
        async with lab.client(ADDRESS, "os:operator") as client:
            for call in (unary(client, "Upgrade", image=installer(VARIANT)), unary(client, "Rollback")):
                with pytest.raises(NotAuthorized):
                    await call
        machine.node.partitions.wipe_system_disk()
        async with lab.client(ADDRESS) as client:
            with pytest.raises(TalosError, match="Talos is not installed"):
                await unary(client, "Upgrade", image=installer(VARIANT))
            with pytest.raises(TalosError, match="machine is not installed"):
                await lifecycle_upgrade(client, installer(VARIANT))
            with pytest.raises(TalosError, match="system disk not found"):
                await unary(client, "Rollback")

    play(tmp_path, scenario)


def test_an_image_is_what_its_reference_says() -> None:
    image = image_of(installer(GATEWAY, "v1.14.1"))
    assert image.talos_version == "v1.14.1"
    assert [(each.name, each.version) for each in image.extensions] == [
        ("drbd", "9.3.2-v1.14.1"),
        ("spin", "v0.25.1"),
        ("tailscale", "1.102.2"),
        ("zfs", "2.4.3-v1.14.1"),
    ]
    assert image_of("ghcr.io/siderolabs/installer:v1.13.9").extensions == ()
    with pytest.raises(UnknownImage, match="not found"):
        image_of("ghcr.io/siderolabs/installer")
