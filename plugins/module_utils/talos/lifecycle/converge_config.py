# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the configuration a node has to the one it shall have: look, send when it differs, read back, wait."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import (
    NodeAccess,
    OpenNode,
    Via,
    open_node,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.apply import (
    Applied,
    Present,
    read_back,
    read_present,
    refuse_other_cluster,
    send,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.installing import refuse_to_erase
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import (
    ACTIVE,
    PERSISTENT,
    read_boot_id,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.stage_wait import wait_for_stage
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.waiting import Pace

ALL = "all"


@dataclass(frozen=True)
class Wait:
    """What to wait for after applying.

    :ivar stages: any of these ends the waiting.
    :ivar timeout: limit in seconds.
    """

    stages: tuple[str, ...]
    timeout: float


@dataclass(frozen=True)
class Plan:
    """What shall be done.

    :ivar text: what is sent, byte for byte.
    :ivar mode: as in talosctl.
    :ivar try_timeout: seconds until a configuration in mode ``try`` is taken back.
    :ivar dry_run: let the node say what it would do.
    :ivar may_erase: whether a node in maintenance mode may install to a disk.
    """

    config: MachineConfig
    text: str
    mode: str = "auto"
    try_timeout: int = 60
    dry_run: bool = False
    wait: Wait | None = None
    may_erase: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was done.

    :ivar differences: paths at which the node had another configuration, ``all`` when it had none.
    :ivar mode: what the node chose, ``none`` when nothing was sent.
    :ivar before: the configuration it had.
    :ivar stage: of the node at the end.
    """

    changed: bool
    differences: list[str]
    via: Via
    mode: str
    details: str
    warnings: tuple[str, ...]
    before: MachineConfig | None
    stage: str


async def converge_config(access: NodeAccess, plan: Plan, pace: Pace | None = None) -> Outcome:
    """Make the node have the configuration.

    :raises ApplyError: the node belongs to another cluster, or holds another configuration afterwards.
    :raises EraseRefused: the node would install to a disk, and nobody allowed that.
    :raises TalosError: it cannot be reached, or refuses.
    :raises WaitTimeout: it did not reach a stage in time.
    """
    async with open_node(access) as node:
        present = await read_present(node, access.name)
        refuse_other_cluster(present, plan.config, access.name)
        if node.via == "maintenance" and not plan.may_erase:
            refuse_to_erase(plan.config, access.name)
        differences = [ALL] if present.active is None else present.differences(plan.config, plan.mode)
        if not differences:
            return Outcome(False, [], node.via, "none", "", (), present.active, node.status.stage)
        answer, old_boot_id = await _send(node, plan)
    stage = node.status.stage
    if not plan.dry_run:
        stage = await _settle(access, plan, node.via, answer, old_boot_id, pace) or stage
    before = _before(present, plan.mode)
    return Outcome(True, differences, node.via, answer.mode, answer.details, answer.warnings, before, stage)


async def _send(node: OpenNode, plan: Plan) -> tuple[Applied, str]:
    """Send the configuration; return the answer and, where a reboot has to be noticed, the boot id before it."""
    may_reboot = node.via == "mtls" and plan.mode in ("auto", "reboot") and not plan.dry_run
    boot_id = await read_boot_id(node.client) if may_reboot else ""
    answer = await send(node, plan.text, plan.mode, plan.try_timeout, plan.dry_run)
    return answer, boot_id if answer.mode == "reboot" else ""


async def _settle(
    access: NodeAccess, plan: Plan, via: Via, answer: Applied, old_boot_id: str, pace: Pace | None
) -> str:
    """Wait as asked and read back; return the stage, empty when nothing was waited for."""
    needs_wait = via == "maintenance" or answer.mode == "reboot"
    stage = ""
    if plan.wait and answer.mode != "staged":
        stage = (await wait_for_stage(access, plan.wait.stages, plan.wait.timeout, old_boot_id, pace)).stage
    elif needs_wait:
        # The node is on its way into another boot; there is nobody to ask.
        return ""
    async with access.secure() as client:
        await read_back(client, plan.config, access.name, PERSISTENT if answer.mode == "staged" else ACTIVE)
    return stage


def _before(present: Present, mode: str) -> MachineConfig | None:
    return present.persistent if mode == "staged" else present.active
