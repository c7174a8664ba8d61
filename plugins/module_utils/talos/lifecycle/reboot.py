# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rebooting a node.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Reboot).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess, open_node
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import (
    MachineStatus,
    read_boot_id,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.sequence_watch import ask_and_follow
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.stage_wait import wait_for_stage
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Pace

METHOD = "machine.MachineService/Reboot"

# Names of talosctl -> names of the API.
MODES = {"default": "DEFAULT", "powercycle": "POWERCYCLE", "force": "FORCE"}


@dataclass(frozen=True)
class Boot:
    """One boot of a node.

    :ivar id: the kernel's boot id.
    """

    id: str
    status: MachineStatus


async def read_boot(access: NodeAccess) -> Boot:
    """Return the present boot of a node.

    :raises TalosError: it cannot be asked.
    """
    async with open_node(access) as node:
        return Boot(await read_boot_id(node.client), node.status)


async def send_reboot(access: NodeAccess, mode: str, timeout: float = 0.0) -> None:
    """Ask the node to reboot.

    :param mode: a key of :data:`MODES`.
    :param timeout: how long to follow the sequence, in seconds; 0 returns as soon as the node has accepted it.
    :raises SequenceFailed: the sequence failed, or another one runs.
    :raises TalosError: it refuses.
    :raises WaitTimeout: the sequence is not over in time.
    """
    request = message("machine.RebootRequest")(mode=enum("machine.RebootRequest.Mode").Value(MODES[mode]))
    async with open_node(access) as node:
        if timeout:
            await ask_and_follow(node, access.name, METHOD, request, timeout)
        else:
            await node.client.unary(METHOD, request)


async def wait_for_next_boot(
    access: NodeAccess, old: Boot, stages: Collection[str], timeout: float, pace: Pace | None = None
) -> Boot:
    """Wait until the node has booted again and reached one of the stages.

    :raises WaitTimeout: it did not in time.
    """
    await wait_for_stage(access, stages, timeout, old.id, pace)
    return await read_boot(access)
