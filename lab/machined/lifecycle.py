# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences that end a boot: reboot, shutdown, reset, upgrade.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.etcd_leave import leave_etcd
from ansible_collections.homelab.talos.lab.machined.machine_status import set_stage
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.phases import before_stopping
from ansible_collections.homelab.talos.lab.machined.sequence import Phase, Sequence, SequenceFailed
from ansible_collections.homelab.talos.lab.machined.stopping import (
    idle,
    stop_everything,
    stop_pods,
    stop_the_rest,
    stop_workloads,
)
from ansible_collections.homelab.talos.lab.machined.upgrade import InstallerFailed, run_installer

DRAIN_SECONDS = 60.0
WHOLE_DISK = "DISK"


class Outcome(Enum):
    """What the machine does after a sequence."""

    REBOOT = "reboot"
    OFF = "off"


# Source: reboot(2) (LINUX_REBOOT_CMD_RESTART, LINUX_REBOOT_CMD_POWER_OFF)
_COMMANDS = {Outcome.REBOOT: 0x01234567, Outcome.OFF: 0x4321FEDC}


@dataclass(frozen=True)
class Request:
    """A sequence somebody asked for.

    ``force`` skips draining (Shutdown) or stopping anything (Reboot). For ``reset``: ``graceful`` leaves etcd,
    ``reboot`` decides what follows, ``wipe`` holds partition labels (META, STATE, EPHEMERAL),
    ``wipe_disk`` the whole system disk, ``user_disks`` are device paths. For ``upgrade``: ``image`` is the reference of
    an installer the lab knows.
    """

    sequence: str
    actor_id: str = ""
    force: bool = False
    graceful: bool = False
    reboot: bool = True
    wipe: tuple[str, ...] = ()
    wipe_disk: bool = False
    user_disks: tuple[str, ...] = ()
    image: str = ""


async def carry_out(node: Node, request: Request) -> Outcome:
    """Run the sequence of a request; raises ``SequenceFailed``."""
    stage, phases, outcome = _SEQUENCES[request.sequence]
    set_stage(node, stage)
    await Sequence(node, request.sequence, request.actor_id).run(phases(node, request))
    return outcome(request)


def _reboot(node: Node, request: Request) -> list[Phase]:
    if request.force:
        return [end_boot(node, Outcome.REBOOT)]
    return [stop_pods(node), *idle("dbus"), *stop_everything(node, kexec=True), end_boot(node, Outcome.REBOOT)]


def _shutdown(node: Node, request: Request) -> list[Phase]:
    return [
        *idle("storeShutdown"),
        *([] if request.force else [_drain(node)]),
        stop_pods(node),
        *idle("dbus"),
        *stop_everything(node),
        end_boot(node, Outcome.OFF),
    ]


def _reset(node: Node, request: Request) -> list[Phase]:
    return [
        *([_drain(node)] if request.graceful else []),
        stop_pods(node, remove=request.graceful),
        *idle("dbus"),
        *([_leave(node)] if request.graceful and node.is_controlplane else []),
        _announce_reset(node, request),
        *stop_everything(node, kexec=bool(request.wipe)),
        *idle("forceCleanup"),
        *_wipe(node, request),
        end_boot(node, _after_reset(request)),
    ]


def _after_reset(request: Request) -> Outcome:
    return Outcome.REBOOT if request.reboot else Outcome.OFF


def _upgrade(node: Node, request: Request) -> list[Phase]:
    async def install(sequence: Sequence) -> None:
        with sequence.task("upgrade"):
            sequence.log(f'performing upgrade via "{request.image}"')
            _install(node, request.image)
            sequence.log("upgrade successful")

    return [
        *idle(*before_stopping(node.description.talos_version)),
        _drain(node),
        stop_pods(node),
        *idle("dbus"),
        *stop_workloads(node, unmount="unmount"),
        Phase("upgrade", install),
        *idle("meta", "kexec"),
        stop_the_rest(node),
        end_boot(node, Outcome.REBOOT),
    ]


_SEQUENCES: dict[str, tuple[str, Callable[[Node, Request], list[Phase]], Callable[[Request], Outcome]]] = {
    "reboot": ("rebooting", _reboot, lambda _request: Outcome.REBOOT),
    "shutdown": ("shutting down", _shutdown, lambda _request: Outcome.OFF),
    "reset": ("resetting", _reset, _after_reset),
    "upgrade": ("upgrading", _upgrade, lambda _request: Outcome.REBOOT),
}


def _leave(node: Node) -> Phase:
    async def work(sequence: Sequence) -> None:
        with sequence.task("leaveEtcd"):
            await leave_etcd(node)

    return Phase("leave", work)


def _announce_reset(node: Node, request: Request) -> Phase:
    """Return the phase in which controllers learn of the reset: a node that leaves in order is discovered no more."""

    async def work(sequence: Sequence) -> None:
        sequence.tasks("preReset")
        if node.config is not None and request.graceful:
            node.discovery.withdraw(node.cluster_key(), node.node_id)

    return Phase("preReset", work)


def _install(node: Node, image: str) -> None:
    """Run the installer, whose output goes into the kernel log; raises ``SequenceFailed`` as Talos words it."""
    try:
        for line in run_installer(node, image):
            node.journal.dmesg(line)
    except InstallerFailed as error:
        node.journal.dmesg(str(error))
        raise SequenceFailed('task "upgrade" failed: exit code 1') from None


def _wipe(node: Node, request: Request) -> list[Phase]:
    """Return the phases that note what to erase; it happens when no process of the node runs any more."""

    async def whole_disk(sequence: Sequence) -> None:
        with sequence.task("resetSystemDisk"):
            node.wipes = (WHOLE_DISK,)
            node.journal.talos(f"wiping system disk {node.partitions.system_disk}")

    async def partitions(sequence: Sequence) -> None:
        with sequence.task("resetSystemDiskSpec"):
            node.wipes = request.wipe
            node.journal.talos("successfully reset system disk by the spec")

    async def user_disks(sequence: Sequence) -> None:
        with sequence.task("resetUserDisks"):
            for disk in request.user_disks:
                node.journal.talos(f"wiping user disk {disk}")

    phases = []
    if request.wipe_disk:
        phases.append(Phase("reset", whole_disk))
    elif request.wipe:
        phases.append(Phase("resetSpec", partitions))
    if request.user_disks:
        phases.append(Phase("resetUserDisks", user_disks))
    return phases


def end_boot(node: Node, outcome: Outcome) -> Phase:
    """Return the last phase: the command of reboot(2) that would be next."""
    name = "reboot" if outcome is Outcome.REBOOT else "shutdown"

    async def work(sequence: Sequence) -> None:
        with sequence.task(name):
            node.events.publish(event_messages.restart(_COMMANDS[outcome]), sequence.actor_id)

    return Phase(name, work)


def _drain(node: Node) -> Phase:
    """Return the phase ``drain``: nothing to do on a node that never joined."""

    async def work(sequence: Sequence) -> None:
        with sequence.task("cordonAndDrainNode"):
            if node.is_up("kubelet"):
                await node.programs.kubernetes.drain(node.nodename, DRAIN_SECONDS)

    return Phase("drain", work)


def erase(node: Node) -> None:
    """Erase what a reset asked for; called when no process of the node runs any more."""
    wipes, node.wipes = node.wipes, ()
    for label in wipes:
        if label == WHOLE_DISK:
            node.partitions.wipe_system_disk()
        else:
            node.partitions.wipe(label)
