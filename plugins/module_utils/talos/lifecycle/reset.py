# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resetting a node: its partitions are wiped, it leaves the cluster.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Reset).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import MaintenanceMode, TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import (
    NodeAccess,
    OpenNode,
    open_node,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_view import read_members
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import read_boot_id, read_status
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.sequence_watch import ask_and_follow
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.stage_wait import (
    wait_for_maintenance,
    wait_for_silence,
    wait_for_stage,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Pace

METHOD = "machine.MachineService/Reset"
STATE = "STATE"

Graceful = Literal["auto", "always", "never"]


@dataclass(frozen=True)
class ResetPlan:
    """What shall be wiped.

    :ivar partitions: labels of system partitions; none together with ``whole_disk``.
    :ivar user_disks: paths of further disks.
    :ivar whole_disk: wipe the whole system disk, Talos included.
    :ivar reboot: reboot afterwards; otherwise the node shuts down.
    :ivar graceful: whether to drain the node and to leave etcd first.
    """

    partitions: tuple[str, ...] = ("EPHEMERAL", STATE)
    user_disks: tuple[str, ...] = ()
    whole_disk: bool = False
    reboot: bool = True
    graceful: Graceful = "auto"

    @property
    def forgets_configuration(self) -> bool:
        """Whether the node has no configuration afterwards."""
        return self.whole_disk or STATE in self.partitions


@dataclass(frozen=True)
class Before:
    """A node before its reset.

    :ivar is_reset: it is in maintenance mode already.
    :ivar is_graceful: it can leave in good order.
    """

    is_reset: bool
    boot_id: str = ""
    is_graceful: bool = True


async def look_before(access: NodeAccess, plan: ResetPlan) -> Before:
    """Look at the node without changing it.

    :raises TalosError: it cannot be asked.
    """
    try:
        async with open_node(access) as node:
            return Before(False, await read_boot_id(node.client), await _is_graceful(node, plan.graceful))
    except MaintenanceMode:
        async with access.unauthenticated() as client:
            if (await read_status(client)).stage == "maintenance":
                return Before(True)
        raise


async def send_reset(access: NodeAccess, plan: ResetPlan, graceful: bool, timeout: float = 0.0) -> None:
    """Ask the node to reset itself.

    :param timeout: how long to follow the sequence, in seconds; 0 returns as soon as the node has accepted it.
    :raises SequenceFailed: it cannot, for example because it is the last member of etcd.
    :raises TalosError: it refuses.
    :raises WaitTimeout: the sequence is not over in time.
    """
    modes = enum("machine.ResetRequest.WipeMode")
    request = message("machine.ResetRequest")(graceful=graceful, reboot=plan.reboot)
    request.mode = modes.Value("SYSTEM_DISK" if plan.whole_disk and not plan.user_disks else "ALL")
    if plan.user_disks and not plan.partitions and not plan.whole_disk:
        request.mode = modes.Value("USER_DISKS")
    request.user_disks_to_wipe.extend(plan.user_disks)
    for label in () if plan.whole_disk else plan.partitions:
        request.system_partitions_to_wipe.add(label=label, wipe=True)
    async with open_node(access) as node:
        if timeout:
            await ask_and_follow(node, access.name, METHOD, request, timeout)
        else:
            await node.client.unary(METHOD, request)


async def wait_for_end(
    access: NodeAccess, plan: ResetPlan, before: Before, timeout: float, pace: Pace | None = None
) -> str:
    """Wait until the node is where the reset leads to; return its stage, empty when it is off.

    :raises WaitTimeout: it did not get there in time.
    """
    if not plan.reboot:
        await wait_for_silence(access, timeout, pace)
        return ""
    if plan.forgets_configuration:
        return (await wait_for_maintenance(access, timeout, pace)).stage
    return (await wait_for_stage(access, ("booting", "running"), timeout, before.boot_id, pace)).stage


async def _is_graceful(node: OpenNode, wish: Graceful) -> bool:
    """Return whether to leave in good order; the last member of etcd has nobody to leave to."""
    if wish != "auto":
        return wish == "always"
    machine_type = (await node.client.get("config", "MachineTypes.config.talos.dev", "machine-type")).spec
    if machine_type != "controlplane":
        return True
    try:
        return len(await read_members(node.client)) > 1
    except TalosError:
        return False
