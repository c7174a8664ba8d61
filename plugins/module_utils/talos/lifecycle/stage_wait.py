# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a node to reach a stage, over reboots."""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import (
    MachineStatus,
    read_boot_id,
    read_status,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Observed, Pace, wait_for

_NOTHING = MachineStatus("unknown", False)


async def wait_for_stage(
    access: NodeAccess,
    stages: Collection[str],
    timeout: float,
    old_boot_id: str = "",
    pace: Pace | None = None,
) -> MachineStatus:
    """Wait until the node answers authenticated clients and is in one of the stages.

    :param stages: such as ``("booting", "running")``.
    :param timeout: limit in seconds.
    :param old_boot_id: when given, the node must have booted again since it had this boot id.
    :raises WaitTimeout: naming the node, the stages and what was observed last.
    """

    async def look() -> Observed[MachineStatus]:
        try:
            async with access.secure() as client:
                status = await read_status(client)
                if status.stage not in stages:
                    return Observed(False, str(status), status)
                if old_boot_id and await read_boot_id(client) == old_boot_id:
                    return Observed(False, f"{status}, not rebooted yet", status)
                return Observed(True, str(status), status)
        except TalosError as error:
            return Observed(False, f"no answer: {error}", _NOTHING)

    rebooted = " after a reboot" if old_boot_id else ""
    return await wait_for(f"{access.name} to reach stage {' or '.join(stages)}{rebooted}", look, timeout, pace)


async def wait_for_maintenance(access: NodeAccess, timeout: float, pace: Pace | None = None) -> MachineStatus:
    """Wait until the node is in maintenance mode.

    :raises WaitTimeout: naming the node and what was observed last.
    """

    async def look() -> Observed[MachineStatus]:
        try:
            async with access.unauthenticated() as client:
                status = await read_status(client)
                return Observed(status.stage == "maintenance", str(status), status)
        except TalosError as error:
            return Observed(False, f"no answer: {error}", _NOTHING)

    return await wait_for(f"{access.name} to reach maintenance mode", look, timeout, pace)


async def wait_for_silence(access: NodeAccess, timeout: float, pace: Pace | None = None) -> None:
    """Wait until the node does not answer any more.

    :raises WaitTimeout: it still answers.
    """

    async def look() -> Observed[None]:
        try:
            async with access.secure() as client:
                return Observed(False, str(await read_status(client)), None)
        except TalosError as error:
            return Observed(True, str(error), None)

    await wait_for(f"{access.name} to shut down", look, timeout, pace)
