# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences that end a boot: reboot, shutdown, reset, upgrade.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.etcd_leave import leave_etcd
from ansible_collections.homelab.talos.lab.machined.machine_status import set_stage
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.sequence import Sequence, SequenceFailed
from ansible_collections.homelab.talos.lab.machined.stopping import (
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
    sequences = {"reboot": _reboot, "shutdown": _shutdown, "reset": _reset, "upgrade": _upgrade}
    with Sequence(node, request.sequence, request.actor_id).running() as sequence:
        return await sequences[request.sequence](node, request, sequence)


async def _reboot(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "rebooting")
    if not request.force:
        await stop_pods(node, sequence)
        sequence.phases("dbus")
        await stop_everything(node, sequence, kexec=True)
    end_boot(node, sequence, Outcome.REBOOT)
    return Outcome.REBOOT


async def _shutdown(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "shutting down")
    sequence.phases("storeShutdown")
    if not request.force:
        await _drain(node, sequence)
    await stop_pods(node, sequence)
    sequence.phases("dbus")
    await stop_everything(node, sequence)
    end_boot(node, sequence, Outcome.OFF)
    return Outcome.OFF


async def _reset(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "resetting")
    if request.graceful:
        await _drain(node, sequence)
    await stop_pods(node, sequence, remove=request.graceful)
    sequence.phases("dbus")
    if request.graceful and node.is_controlplane:
        with sequence.phase("leave"), sequence.task("leaveEtcd"):
            await leave_etcd(node)
    sequence.phases("preReset")
    if node.config is not None and request.graceful:
        node.discovery.withdraw(node.cluster_key(), node.node_id)
    await stop_everything(node, sequence, kexec=bool(request.wipe))
    sequence.phases("forceCleanup")
    _wipe(node, request, sequence)
    outcome = Outcome.REBOOT if request.reboot else Outcome.OFF
    end_boot(node, sequence, outcome)
    return outcome


async def _upgrade(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "upgrading")
    await _drain(node, sequence)
    await stop_pods(node, sequence)
    sequence.phases("dbus")
    await stop_workloads(node, sequence)
    with sequence.phase("upgrade"), sequence.task("upgrade"):
        sequence.log(f'performing upgrade via "{request.image}"')
        _install(node, request.image)
        sequence.log("upgrade successful")
    sequence.phases("meta", "kexec")
    await stop_the_rest(node, sequence)
    end_boot(node, sequence, Outcome.REBOOT)
    return Outcome.REBOOT


def _install(node: Node, image: str) -> None:
    """Run the installer, whose output goes into the kernel log; raises ``SequenceFailed`` as Talos words it."""
    try:
        for line in run_installer(node, image):
            node.journal.dmesg(line)
    except InstallerFailed as error:
        node.journal.dmesg(str(error))
        raise SequenceFailed('task "upgrade" failed: exit code 1') from None


def _wipe(node: Node, request: Request, sequence: Sequence) -> None:
    """Note what to erase; it happens when no process of the node runs any more."""
    if request.wipe_disk:
        with sequence.phase("reset"), sequence.task("resetSystemDisk"):
            node.wipes = (WHOLE_DISK,)
            node.journal.talos(f"wiping system disk {node.partitions.system_disk}")
    elif request.wipe:
        with sequence.phase("resetSpec"), sequence.task("resetSystemDiskSpec"):
            node.wipes = request.wipe
            node.journal.talos("successfully reset system disk by the spec")
    if request.user_disks:
        with sequence.phase("resetUserDisks"), sequence.task("resetUserDisks"):
            for disk in request.user_disks:
                node.journal.talos(f"wiping user disk {disk}")


def end_boot(node: Node, sequence: Sequence, outcome: Outcome) -> None:
    """The last phase: the command of reboot(2) that would be next."""
    name = "reboot" if outcome is Outcome.REBOOT else "shutdown"
    with sequence.phase(name), sequence.task(name):
        node.events.publish(event_messages.restart(_COMMANDS[outcome]), sequence.actor_id)


async def _drain(node: Node, sequence: Sequence) -> None:
    """The phase ``drain``: nothing to do on a node that never joined."""
    with sequence.phase("drain"), sequence.task("cordonAndDrainNode"):
        if node.is_up("kubelet"):
            await node.programs.kubernetes.drain(node.nodename, DRAIN_SECONDS)


def erase(node: Node) -> None:
    """Erase what a reset asked for; called when no process of the node runs any more."""
    wipes, node.wipes = node.wipes, ()
    for label in wipes:
        if label == WHOLE_DISK:
            node.partitions.wipe_system_disk()
        else:
            node.partitions.wipe(label)
