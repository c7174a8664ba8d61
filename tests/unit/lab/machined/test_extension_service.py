# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An extension that needs configuration: what its absence really does, and what its presence does."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined.journal import Log
from ansible_collections.homelab.talos.lab.machined.machine import Machine
from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceRunner, State

from .fakes import FakeProgram
from .home import (
    VARIANT,
    Home,
    apply,
    config,
    configure,
    control_plane,
    definition,
    play,
    stage,
    status,
    unary,
    until,
    worker,
)

GATEWAY = (*VARIANT, "tailscale")
TAILSCALE = {"name": "tailscale", "environment": ["TS_AUTHKEY=k"], "config_files": []}
BOOT_TIMEOUT = 70 * 60
NAME, ADDRESS = "gw1", "198.18.9.21"


def _service(machine: Machine) -> ServiceRunner:
    return machine.node.services["ext-tailscale"]


async def _gateway(lab: Home, **extra: object) -> Machine:
    machine = await worker(lab, NAME, ADDRESS, extensions=GATEWAY, role="gateway", definition=extra)
    await until(lambda: machine.node.is_up("kubelet"), "kubelet up")
    return machine


def test_without_document_boot_never_ends_though_the_node_is_ready(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab)
        await until(lambda: _service(machine).state is State.WAITING, "service waiting")
        await until(lambda: _service(machine).events[-1].message == "Waiting for extension service config", "event")
        await until(lambda: status(machine)["status"]["ready"], "ready")
        assert status(machine)["stage"] == "booting"
        assert machine.node.store.get("runtime", "Services.v1alpha1.talos.dev", "ext-tailscale") is None
        async with lab.client(ADDRESS) as client:
            found = {each.id: each for each in (await unary(client, "ServiceList")).services}
        assert (found["ext-tailscale"].state, found["ext-tailscale"].health.unknown) == ("Waiting", True)
        assert not lab.runtimes[NAME].running("ext-tailscale")

    play(tmp_path, scenario)


def _counts_down(kernel: Log) -> bool:
    return "rebooting in" in kernel.tail()[-1]


async def _rebooted(lab: Home, before: str) -> None:
    await until(lambda: lab.runtimes[NAME].boot_id != before, "reboot after the boot limit")


def _lines(machine: Machine) -> list[str]:
    """Return the kernel log of the present boot, without facility and time."""
    return [line.partition("]: ")[2] for line in machine.node.journal.kernel.tail()]


@pytest.mark.parametrize(
    ("version", "awaited"),
    [
        ("v1.13.9", 'service "ext-tailscale" to be "up"'),
        ("v1.14.1", 'service "ext-tailscale" to be up/finished'),
    ],
)
def test_kernel_log_names_what_is_awaited_every_quarter_of_a_minute(tmp_path: Path, version: str, awaited: str) -> None:
    async def scenario(lab: Home) -> None:
        lab.version = version
        await control_plane(lab)
        machine = await _gateway(lab)
        await until(lambda: status(machine)["status"]["ready"], "ready")
        line = f"[talos] task startAllServices (1/1): {awaited}"
        await until(lambda: _lines(machine).count(line) >= 2, "two lines")
        waiting = f"[talos] task startAllServices (1/1): waiting for {len(machine.node.services)} services"
        lines = _lines(machine)
        assert lines.index(waiting) < lines.index(line)

    play(tmp_path, scenario)


def test_boot_limit_reboots_the_node_again_and_again(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        before_boot = lab.clock.monotonic()
        machine = await _gateway(lab)
        for _turn in range(3):
            await until(lambda: status(machine)["status"]["ready"], "ready")
            boot, journal = lab.runtimes[NAME].boot_id, machine.node.journal.kernel
            # However long the boot took until here: the limit began after before_boot.
            booting = lab.clock.monotonic() - before_boot
            lab.clock.advance(BOOT_TIMEOUT - 120 - booting)
            await asyncio.sleep(0.05)  # sleep: a node that reboots too early would begin to
            assert (lab.runtimes[NAME].boot_id, machine.stage) == (boot, "booting")
            assert not [line for line in journal.tail() if "rebooting in" in line]
            lab.clock.advance(120 + booting)
            before_boot = lab.clock.monotonic()
            await until(functools.partial(_counts_down, journal), "countdown")
            assert not [id for id in ("apid", "kubelet") if machine.node.is_up(id)]
            await _rebooted(lab, boot)
            text = "\n".join(journal.tail())
            assert "[talos] task startAllServices (1/1): failed: 1 error occurred:" in text
            assert "[talos] boot sequence: failed" in text
            assert [line for line in text.splitlines() if "rebooting in" in line][-1].endswith("rebooting in 0 seconds")
            await stage(machine, "booting")

    play(tmp_path, scenario)


def test_boot_limit_does_not_touch_a_node_that_has_booted(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        boot = lab.runtimes["cp1"].boot_id
        gateway = await _gateway(lab)
        stuck = lab.runtimes[NAME].boot_id
        await until(lambda: status(gateway)["status"]["ready"], "ready")
        lab.clock.advance(BOOT_TIMEOUT)
        await until(lambda: lab.runtimes[NAME].boot_id != stuck, "reboot of the one that has not")
        assert (lab.runtimes["cp1"].boot_id, machine.stage) == (boot, "running")

    play(tmp_path, scenario)


def test_a_service_that_was_up_once_is_not_awaited_again(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab)

        async def broken(*_: object) -> None:
            raise OSError("disk full")

        lab.programs[NAME].kubelet.prepare = broken  # type: ignore[method-assign,assignment]
        lab.runtimes[NAME].running("kubelet")[0].end(1)
        await until(lambda: not machine.node.is_up("kubelet"), "kubelet down")
        node = definition(NAME, ADDRESS, "worker", role="gateway", extension_services=[TAILSCALE])
        async with lab.client(ADDRESS) as client:
            await apply(client, config(node))
            await stage(machine, "running")
        assert not machine.node.is_up("kubelet")

    play(tmp_path, scenario)


@pytest.mark.parametrize(("version", "reached"), [("v1.13.9", "booting"), ("v1.14.1", "running")])
def test_stopping_the_waiting_service_completes_the_boot_since_1_14(tmp_path: Path, version: str, reached: str) -> None:
    async def scenario(lab: Home) -> None:
        lab.version = version
        await control_plane(lab)
        machine = await _gateway(lab)
        await until(lambda: _service(machine).events[-1].message == "Waiting for extension service config", "event")
        await until(lambda: status(machine)["status"]["ready"], "ready")
        boot = lab.runtimes[NAME].boot_id
        async with lab.client(ADDRESS, "os:operator") as client:
            await unary(client, "ServiceStop", id="ext-tailscale")
        assert _service(machine).state is State.FINISHED
        if reached == "running":
            await stage(machine, "running")
        else:
            lab.clock.advance(60)
            line = '[talos] task startAllServices (1/1): service "ext-tailscale" to be "up"'
            before = _lines(machine).count(line)
            await until(lambda: _lines(machine).count(line) > before, "still awaited")
        assert (machine.stage, lab.runtimes[NAME].boot_id) == (reached, boot)

    play(tmp_path, scenario)


def test_document_applied_live_completes_the_boot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab)
        boot = lab.runtimes[NAME].boot_id
        node = definition(NAME, ADDRESS, "worker", role="gateway", extension_services=[TAILSCALE])
        async with lab.client(ADDRESS) as client:
            answer = await apply(client, config(node))
            assert answer.mode_details == "Applied configuration without a reboot"
            await stage(machine, "running")
            documents = await client.list("runtime", "ExtensionServiceConfigs.runtime.talos.dev")
        assert [each.spec["environment"] for each in documents] == [["TS_AUTHKEY=k"]]
        assert lab.runtimes[NAME].boot_id == boot

    play(tmp_path, scenario)


def test_stand_in_names_itself(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab, extension_services=[TAILSCALE])
        await stage(machine, "running")
        (process,) = lab.runtimes[NAME].running("ext-tailscale")
        assert "tailscale-stand-in" in process.argv
        assert _service(machine).events[-1].message == (
            f"Started task ext-tailscale (PID {process.pid}) for container ext-tailscale "
            "[stand-in: no tailscaled in this lab]"
        )
        assert _service(machine).up

    play(tmp_path, scenario)


class FakeExtension(FakeProgram):
    """A real program of an extension, as far as the service sees it."""

    def __init__(self) -> None:
        super().__init__("tailscale")
        self.swept = 0

    async def ended(self) -> None:
        self.swept += 1


def test_the_real_program_runs_where_the_lab_has_it(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await lab.add(NAME, ADDRESS, extensions=GATEWAY)
        program = FakeExtension()
        lab.programs[NAME].extensions["tailscale"] = program
        node = definition(NAME, ADDRESS, "worker", role="gateway", extension_services=[TAILSCALE])
        await configure(lab, NAME, config(node))
        await stage(machine, "running")
        (process,) = lab.runtimes[NAME].running("ext-tailscale")
        assert _service(machine).events[-1].message == (
            f"Started task ext-tailscale (PID {process.pid}) for container ext-tailscale"
        )
        process.end(1)
        ended = 'Error running ext-tailscale, going to restart forever: task "ext-tailscale" failed: exit code 1'
        await until(lambda: ended in [each.message for each in _service(machine).events], "the end is told")
        await until(lambda: _service(machine).up, "service up again")
        assert program.swept == 1
        assert machine.stage == "running"

    play(tmp_path, scenario)


def test_changed_document_restarts_the_service(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab, extension_services=[TAILSCALE])
        await stage(machine, "running")
        (before,) = lab.runtimes[NAME].running("ext-tailscale")
        changed = TAILSCALE | {"environment": ["TS_AUTHKEY=other"]}
        node = definition(NAME, ADDRESS, "worker", role="gateway", extension_services=[changed])
        async with lab.client(ADDRESS) as client:
            await apply(client, config(node))
            await until(lambda: _service(machine).up, "service up again")
            (after,) = lab.runtimes[NAME].running("ext-tailscale")
            assert after.pid != before.pid
            await apply(client, config(node))
        assert lab.runtimes[NAME].running("ext-tailscale") == [after]
        assert machine.stage == "running"

    play(tmp_path, scenario)


def test_document_without_the_extension_starts_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab, NAME, ADDRESS, definition={"extension_services": [TAILSCALE]})
        await stage(machine, "running")
        assert "ext-tailscale" not in machine.node.services

    play(tmp_path, scenario)


def test_service_may_be_stopped_through_the_api(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await _gateway(lab, extension_services=[TAILSCALE])
        await stage(machine, "running")
        async with lab.client(ADDRESS) as client:
            answer = await unary(client, "ServiceStop", id="ext-tailscale")
            assert answer.resp == 'Service "ext-tailscale" stopped'
            assert _service(machine).state is State.FINISHED
            assert machine.stage == "running"
            await unary(client, "ServiceStart", id="ext-tailscale")
            await until(lambda: _service(machine).up, "service up again")

    play(tmp_path, scenario)
