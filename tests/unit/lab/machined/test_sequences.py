# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of sequences: names and order of phases and tasks, and what they do to Kubernetes."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined import lifecycle, phases
from ansible_collections.homelab.talos.lab.machined.event_log import Event
from ansible_collections.homelab.talos.lab.machined.interfaces import CORDONED, EtcdMember
from ansible_collections.homelab.talos.lab.machined.machine import Machine
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

from .home import DEAF_POD, Home, config, configure, control_plane, definition, play, stage, unary, until, worker

ADDRESS, WORKER = "198.18.9.11", "198.18.9.21"
STOPPING = [
    "stopServices: stopServicesForUpgrade",
    "umount: unmountPodMounts",
    "unmountBind: unmountSystemDiskBindMounts",
    "unmountSystem: unmountEphemeralPartition",
    "volumeFinalize: teardownLifecycle",
]
LAST = "stopEverything: stopAllServices"
BOOT = [
    "memorySizeCheck: memorySizeCheck",
    "diskSizeCheck: diskSizeCheck",
    "env: setUserEnvVars",
    "env: waitForCARoots",
    "dbus: startDBus",
    "ephemeral: mountEphemeralPartition",
    "udevSetup: writeUdevRules",
    "userDisks: mountUserDisks",
    "userSetup: writeUserFiles",
    "startEverything: startAllServices",
]
REBOOT = ["cleanup: stopAllPods", "dbus: stopDBus", *STOPPING, "kexec: kexecPrepare", LAST, "reboot: reboot"]
SHUTDOWN = [
    "storeShutdown: storeShutdownEmergency",
    "drain: cordonAndDrainNode",
    "cleanup: stopAllPods",
    "dbus: stopDBus",
    *STOPPING,
    LAST,
    "shutdown: shutdown",
]
RESET = [
    "drain: cordonAndDrainNode",
    "cleanup: removeAllPods",
    "dbus: stopDBus",
    "leave: leaveEtcd",
    "preReset: sendResetSignal",
    *STOPPING,
    "kexec: kexecPrepare",
    LAST,
    "forceCleanup: forceCleanup",
    "resetSpec: resetSystemDiskSpec",
    "resetUserDisks: resetUserDisks",
    "shutdown: shutdown",
]


def tasks_of(events: list[Event], sequence: str) -> list[str]:
    """Return ``phase: task`` for each task that a sequence started; brackets must be closed in order."""
    found: list[str] = []
    inside: list[str] = []
    for each in (event.message for event in events):
        kind = type(each).__name__
        if kind not in ("SequenceEvent", "PhaseEvent", "TaskEvent"):
            continue
        field = kind.removesuffix("Event").lower()
        name, action = getattr(each, field), each.DESCRIPTOR.fields_by_name["action"].enum_type
        word = action.values_by_number[each.action].name
        if word == "STOP":
            assert inside.pop() == name
        if word != "START":
            continue
        inside.append(name)
        if kind == "TaskEvent" and inside[0] == sequence:
            found.append(f"{inside[1]}: {name}")
    assert sequence not in inside or sequence == "initialize"  # which waits for a configuration
    return found


def _kept(machine: Machine) -> list[Event]:
    """Return the list that keeps the events of this boot, also when the next one has begun."""
    events: list[Event] = []
    log = machine.node.events
    publish = log.publish

    def tee(message: Any, actor_id: str = "") -> None:
        publish(message, actor_id)
        events.extend(log.select(lambda _event: True)[-1:])

    log.publish = tee  # type: ignore[method-assign]
    return events


async def _ask(lab: Home, name: str, address: str = ADDRESS, **fields: Any) -> str:
    async with lab.client(address) as client:
        return str((await unary(client, name, **fields)).actor_id)


INITIALIZE = [
    "systemRequirements: enforceKSPPRequirements",
    *(
        f"earlyServices: {name}"
        for name in ("startMachined", "startUdevd", "startApid", "startAuditd", "startSyslogd", "startContainerd")
    ),
    "usb: waitForUSB",
    "meta: reloadMeta",
    "dashboard: startDashboard",
    "config: loadConfig",
]
INSTALL = [
    "env: setUserEnvVars",
    "env: waitForCARoots",
    "install: install",
    "meta: reloadMeta",
    "saveMeta: flushMeta",
    "volumeFinalize: teardownLifecycle",
    LAST,
    "kexec: kexecPrepare",
    "reboot: reboot",
]


def test_maintenance_is_part_of_loading_the_configuration_and_installing_follows(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await lab.add("cp1", ADDRESS)
        await stage(machine, "maintenance")
        before = machine.node.events.select(lambda _event: True)
        assert tasks_of(before, "initialize") == [*INITIALIZE, "config: runningMaintenance"]
        events = _kept(machine)
        await configure(lab, "cp1", config(definition("cp1", ADDRESS, "controlplane")))
        assert tasks_of([*before, *events], "install") == INSTALL
        assert tasks_of(machine.node.events.select(lambda _event: True), "initialize") == INITIALIZE

    play(tmp_path, scenario)


def test_sequence_that_fails_says_so_behind_its_end(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        events, boot = _kept(machine), lab.runtimes["cp1"].boot_id
        actor = await _ask(lab, "Reset", graceful=True, reboot=True)
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "the reboot that follows")
        mine = [each.message for each in events if each.actor_id == actor]
        last = mine[-1]
        assert (type(last).__name__, last.sequence, last.error.code) == (
            "SequenceEvent",
            "reset",
            enum("common.Code").Value("FATAL"),
        )
        assert last.error.message.startswith("sequence failed: error running phase 4 in reset sequence: ")
        assert tasks_of(events, "reset")[-1] == "leave: leaveEtcd"

    play(tmp_path, scenario)


def test_boot_and_reboot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        assert tasks_of(machine.node.events.select(lambda _event: True), "boot") == BOOT
        events, boot = _kept(machine), lab.runtimes["cp1"].boot_id
        actor = await _ask(lab, "Reboot")
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "the next boot")
        assert tasks_of(events, "reboot") == REBOOT
        phases_of_it = [event for event in events if type(event.message).__name__ == "PhaseEvent"]
        assert {event.actor_id for event in phases_of_it} == {actor}
        (restart,) = [event.message for event in events if type(event.message).__name__ == "RestartEvent"]
        assert restart.cmd == 0x01234567
        # A node that was not cordoned by Talos is drained by nobody when it reboots.
        assert lab.programs["cp1"].kubernetes.drained == []

    play(tmp_path, scenario)


def test_phases_are_counted_in_the_kernel_log_also_those_that_are_left_out(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        lines = [line.partition("[talos] ")[2] for line in machine.node.journal.kernel.tail()]
        wanted = [
            "initialize sequence: 9 phase(s)",
            "phase systemRequirements (1/9): 1 tasks(s)",
            "phase earlyServices (2/9): 6 tasks(s)",
            "task startUdevd (2/6): starting",
            "phase dashboard (6/9): 1 tasks(s)",
            "phase config (9/9): 1 tasks(s)",
            "boot sequence: 9 phase(s)",
            "phase env (3/9): 2 tasks(s)",
            "task waitForCARoots (2/2): starting",
            "phase startEverything (9/9): 1 tasks(s)",
        ]
        assert [line for line in lines if line in wanted] == wanted
        done = [line for line in lines if re.fullmatch(r"phase \S+ \(\d/9\): done, \S+s", line)]
        assert len(done) == 6 + 9
        assert not [line for line in lines if "wipeDisks" in line]
        assert any(re.fullmatch(r"boot sequence: done: \S+s", line) for line in lines)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("version", "first", "last"),
    [
        ("v1.13.9", ["drain", "cleanup"], ["upgrade", "meta", "kexec", "stopEverything", "reboot"]),
        ("v1.14.0", ["denyNewServices", "drain"], ["upgrade", "meta", "kexec", "stopEverything", "reboot"]),
    ],
)
def test_an_upgrade_denies_new_services_before_it_drains(version: str, first: list[str], last: list[str]) -> None:
    node: Any = SimpleNamespace(description=SimpleNamespace(talos_version=version))
    names = [phase.name for phase in lifecycle._upgrade(node, lifecycle.Request("upgrade"))]
    assert (names[:2], names[-5:]) == (first, last)
    assert names.count("denyNewServices") == ("denyNewServices" in first)


def test_forced_reboot_stops_nothing(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        events, boot = _kept(machine), lab.runtimes["cp1"].boot_id
        await _ask(lab, "Reboot", mode=enum("machine.RebootRequest.Mode").Value("FORCE"))
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "the next boot")
        assert tasks_of(events, "reboot") == ["reboot: reboot"]
        assert {process.returncode for process in lab.runtimes["cp1"].processes if process.id == "cri"} >= {-9}

    play(tmp_path, scenario)


def test_shutdown_cordons_and_the_next_boot_uncordons(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        events, kubernetes = _kept(machine), lab.programs["cp1"].kubernetes
        await _ask(lab, "Shutdown")
        await until(lambda: not machine.is_on, "power off")
        assert tasks_of(events, "shutdown") == SHUTDOWN
        assert [each.message.cmd for each in events if type(each.message).__name__ == "RestartEvent"] == [0x4321FEDC]
        assert (kubernetes.cordoned, kubernetes.annotations) == (True, {CORDONED: "true"})
        await machine.power_on()
        await stage(machine, "running")
        await until(lambda: not kubernetes.cordoned, "uncordoned")
        assert kubernetes.annotations == {}

    play(tmp_path, scenario)


def test_node_that_an_operator_cordoned_stays_so(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        kubernetes = lab.programs["cp1"].kubernetes
        kubernetes.cordoned = True
        await machine.shutdown()
        assert kubernetes.drained == ["cp1"]
        await machine.power_on()
        await stage(machine, "running")
        status = machine.node.store
        await until(
            lambda: (status.spec("k8s", "NodeStatuses.kubernetes.talos.dev", "cp1") or {}).get("unschedulable"),
            "node status",
        )
        assert kubernetes.cordoned

    play(tmp_path, scenario)


def test_graceful_reset(tmp_path: Path) -> None:
    disks = [{"name": "vda", "size": 1 << 34}, {"name": "vdb", "size": 1 << 34}]

    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab, disks=disks)
        programs = lab.programs["cp1"]
        programs.etcd_access.rows.append(EtcdMember(0xB2, "cp2", ("https://cp2:2380",), ()))
        await until(lambda: programs.control_plane.prepared, "static pods")
        events = _kept(machine)
        request = message("machine.ResetRequest")(graceful=True, reboot=False, user_disks_to_wipe=["/dev/vdb"])
        for label in ("STATE", "EPHEMERAL"):
            request.system_partitions_to_wipe.add(label=label, wipe=True)
        async with lab.client(ADDRESS) as client:
            await client.unary("machine.MachineService/Reset", request)
        await until(lambda: not machine.is_on, "power off")
        assert tasks_of(events, "reset") == RESET
        assert (programs.etcd_access.removed, programs.kubernetes.drained) == ([0xA1], ["cp1"])
        assert programs.control_plane.prepared == 0
        assert any("wiping user disk /dev/vdb" in line for line in machine.node.journal.kernel.tail())

    play(tmp_path, scenario)


def test_reset_that_is_not_graceful_leaves_nothing_in_order(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        machine = await worker(lab)
        await stage(machine, "running")
        events = _kept(machine)
        await _ask(lab, "Reset", WORKER, mode=enum("machine.ResetRequest.WipeMode").Value("ALL"))
        await until(lambda: not machine.is_on, "power off")
        names = tasks_of(events, "reset")
        assert names[:3] == ["cleanup: stopAllPods", "dbus: stopDBus", "preReset: sendResetSignal"]
        assert names[-2:] == ["reset: resetSystemDisk", "shutdown: shutdown"]
        assert not {"drain: cordonAndDrainNode", "leave: leaveEtcd", "kexec: kexecPrepare"} & set(names)
        assert lab.programs["w1"].kubernetes.drained == []

    play(tmp_path, scenario)


def test_sequence_that_finds_another_one_running_does_not_start(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        events, boot = _kept(machine), lab.runtimes["cp1"].boot_id
        lab.programs["cp1"].kubernetes.running = [DEAF_POD]  # the first reboot waits for it
        async with lab.client(ADDRESS) as client:
            await unary(client, "Reboot")
            second = (await unary(client, "Reboot")).actor_id
        await until(lambda: lab.runtimes["cp1"].boot_id != boot, "the next boot")
        (refused,) = [event.message for event in events if event.actor_id == second]
        assert (refused.sequence, refused.error.message) == ("reboot", "sequence not started: locked")
        await stage(machine, "running")
        after = lab.runtimes["cp1"].boot_id
        await machine.node.clock.sleep(5.0)
        assert (lab.runtimes["cp1"].boot_id, machine.stage) == (after, "running")

    play(tmp_path, scenario)


def test_pods_are_told_to_stop_and_waited_for(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)
        kubernetes, runtime = lab.programs["cp1"].kubernetes, lab.runtimes["cp1"]
        kubernetes.running = [DEAF_POD]
        await machine.reboot()
        await until(lambda: ["kill", "-TERM", "77"] in runtime.commands, "the signal")
        lines = machine.node.journal.kernel
        await until(lambda: any("default/web-1" in each for each in lines.tail()), "the complaint about a deaf pod")
        kubernetes.running = []
        await stage(machine, "running")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("version", "volumes", "first", "last"),
    [("v1.13.9", "udevSetup", (), False), ("v1.14.0", "promotableVolumes", ("denyNewServices",), True)],
)
def test_phases_that_changed_between_lines(version: str, volumes: str, first: tuple[str, ...], last: bool) -> None:
    assert phases.before_services(version)[5] == volumes
    assert phases.before_stopping(version) == first
    assert ("unmountPromotable" in phases.unmounting(version)) == last == phases.prepares_kexec_last(version)
