# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrade and Rollback of MachineService, Upgrade of LifecycleService.

The last writes the other slot and leaves the reboot to its caller.
Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go,
internal/app/lifecycle/lifecycle.go.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.boot_slots import NoOtherSlot
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.installer_images import UnknownImage, image_of
from ansible_collections.homelab.talos.lab.machined.lifecycle import Request
from ansible_collections.homelab.talos.lab.machined.methods import METHODS
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.upgrade import InstallerFailed, run_installer
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions

MACHINE = "/machine.MachineService/"
LIFECYCLE = "/machine.LifecycleService/"
UNDER_WAY = "another installation/upgrade is already in progress"


class UpgradeCalls:
    """The calls of one node."""

    def __init__(self, node: Node, request: Callable[[Request], None]) -> None:
        self._node = node
        self._request = request

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{MACHINE}Upgrade": self._upgrade,
            f"{MACHINE}Rollback": self._rollback,
            f"{LIFECYCLE}Upgrade": self._lifecycle_upgrade,
        }

    async def _upgrade(self, call: Call) -> Any:
        node, request = self._node, call.request
        if not node.partitions.installed:
            raise refusals.failed_precondition("Talos is not installed")
        stage, force = str(request.stage).lower(), str(request.force).lower()
        node.journal.talos(f"upgrade request received: staged {stage}, force {force}")
        node.journal.talos(f'validating "{request.image}"')
        try:
            image_of(request.image)
        except UnknownImage as error:
            raise refusals.unknown(f'error validating installer image "{request.image}": {error}') from None
        if request.stage:
            raise refusals.unimplemented("staged upgrades are not played by this lab: upgrade without stage")
        if node.is_controlplane and not request.force and not request.preserve and not node.is_up("etcd"):
            raise refusals.unknown("error validating etcd for upgrade: etcd is not healthy")
        actor = str(uuid.uuid4())
        self._request(Request("upgrade", actor, image=request.image))
        reply = message("machine.UpgradeResponse")()
        reply.messages.add(ack="Upgrade request received", actor_id=actor)
        return reply

    async def _rollback(self, call: Call) -> Any:
        node = self._node
        node.journal.talos("rollback via API received")
        if not node.partitions.installed:
            raise refusals.failed_precondition("system disk not found")
        try:
            node.partitions.slots.revert()
        except NoOtherSlot as error:
            raise refusals.unknown(str(error)) from None
        self._request(Request("reboot"))
        reply = message("machine.RollbackResponse")()
        reply.messages.add()
        return reply

    async def _lifecycle_upgrade(self, call: Call) -> AsyncIterator[Any]:
        node = self._node
        if versions.parse_version(node.description.talos_version).line < METHODS[call.path].since:
            raise refusals.unimplemented("unknown service machine.LifecycleService")
        if node.busy:
            raise refusals.failed_precondition(UNDER_WAY)
        if not node.partitions.installed:
            raise refusals.failed_precondition("machine is not installed")
        reference = call.request.source.image_name
        if not reference:
            raise refusals.invalid_argument("installer image name is required")
        try:
            image_of(reference)
        except UnknownImage as error:
            cause = f'installer image "{reference}" not found in containerd store: {error}'
            raise refusals.internal(f"upgrade failed: {cause}") from None
        try:
            for line in run_installer(node, reference):
                yield _progress(message=line)
        except InstallerFailed as error:
            yield _progress(message=str(error))
            yield _progress(exit_code=1)
        else:
            yield _progress(exit_code=0)


def _progress(**content: Any) -> Any:
    reply = message("machine.LifecycleServiceUpgradeResponse")()
    for name, value in content.items():
        setattr(reply.progress, name, value)
    return reply


def handlers(node: Node, request: Callable[[Request], None]) -> Handlers:
    """Return the handlers; *request* asks the machine for a sequence."""
    return UpgradeCalls(node, request).handlers()
