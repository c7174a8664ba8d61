# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences that end a boot: reboot, shutdown, reset.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ansible_collections.homelab.talos.lab.machined import event_messages
from ansible_collections.homelab.talos.lab.machined.etcd_leave import leave_etcd
from ansible_collections.homelab.talos.lab.machined.machine_status import set_stage
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.sequence import Sequence
from ansible_collections.homelab.talos.lab.machined.stopping import stop_services

DRAIN_SECONDS = 60.0
WHOLE_DISK = "DISK"


class Outcome(Enum):
    """What the machine does after a sequence."""

    REBOOT = "reboot"
    OFF = "off"


@dataclass(frozen=True)
class Request:
    """A sequence somebody asked for.

    ``force`` skips draining (Shutdown force, Reboot FORCE). For ``reset``: ``graceful`` leaves etcd,
    ``reboot`` decides what follows, ``wipe`` holds partition labels (META, STATE, EPHEMERAL),
    ``wipe_disk`` the whole system disk.
    """

    sequence: str
    actor_id: str = ""
    force: bool = False
    graceful: bool = False
    reboot: bool = True
    wipe: tuple[str, ...] = ()
    wipe_disk: bool = False


async def carry_out(node: Node, request: Request) -> Outcome:
    """Run the sequence of a request; raises ``SequenceFailed``."""
    sequences = {"reboot": _reboot, "shutdown": _shutdown, "reset": _reset}
    with Sequence(node, request.sequence, request.actor_id).running() as sequence:
        return await sequences[request.sequence](node, request, sequence)


async def _reboot(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "rebooting")
    with sequence.phase("cleanup"):
        await stop_services(node, sequence)
    sequence.phases("dbus")
    with sequence.phase("reboot"):
        node.events.publish(event_messages.restart(), request.actor_id)
    return Outcome.REBOOT


async def _shutdown(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "shutting down")
    sequence.phases("storeShutdown")
    if not request.force:
        with sequence.phase("drain"):
            await _drain(node)
    with sequence.phase("cleanup"):
        await stop_services(node, sequence)
    sequence.phases("dbus", "shutdown")
    return Outcome.OFF


async def _reset(node: Node, request: Request, sequence: Sequence) -> Outcome:
    set_stage(node, "resetting")
    if request.graceful:
        with sequence.phase("drain"):
            await _drain(node)
    sequence.phases("cleanup", "dbus")
    if request.graceful and node.is_controlplane:
        with sequence.phase("leave"):
            await leave_etcd(node)
    sequence.phases("preReset")
    with sequence.phase("stopEverything"):
        await stop_services(node, sequence)
    with sequence.phase("reset"):
        if node.config is not None and request.graceful:
            node.discovery.withdraw(node.cluster_key(), node.node_id)
        node.wipes = (WHOLE_DISK,) if request.wipe_disk else request.wipe
    with sequence.phase("reboot" if request.reboot else "shutdown"):
        pass
    return Outcome.REBOOT if request.reboot else Outcome.OFF


async def _drain(node: Node) -> None:
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
