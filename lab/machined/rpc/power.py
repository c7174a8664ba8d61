# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reboot, Shutdown, Reset.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.talos.lab.machined import event_messages, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.lifecycle import Request
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PREFIX = "/machine.MachineService/"
# Sequences that nothing takes over in the lab. In Talos a reboot ends a reset, and a shutdown whatever runs.
_ENDING = ("reboot", "shutdown", "reset", "upgrade")


class PowerCalls:
    """The calls that end a boot."""

    def __init__(self, node: Node, request: Callable[[Request], None]) -> None:
        self._node = node
        self._request = request

    def handlers(self) -> Handlers:
        """Return the handlers."""
        return {
            f"{PREFIX}Reboot": self._reboot,
            f"{PREFIX}Shutdown": self._shutdown,
            f"{PREFIX}Reset": self._reset,
        }

    def _accept(self, name: str, request: Request) -> Any:
        self._node.journal.talos(f"{name.lower()} via API received. actor id: {request.actor_id}")
        if self._node.busy in _ENDING:  # Talos answers first, and tells by an event that nothing starts
            self._node.events.publish(event_messages.locked(request.sequence), request.actor_id)
        else:
            self._request(request)
        reply = message(f"machine.{name}Response")()
        reply.messages.add(actor_id=request.actor_id)
        return reply

    async def _reboot(self, call: Call) -> Any:
        force = call.request.mode == enum("machine.RebootRequest.Mode").Value("FORCE")
        return self._accept("Reboot", Request("reboot", str(uuid.uuid4()), force=force))

    async def _shutdown(self, call: Call) -> Any:
        return self._accept("Shutdown", Request("shutdown", str(uuid.uuid4()), force=call.request.force))

    async def _reset(self, call: Call) -> Any:
        request = call.request
        mode = enum("machine.ResetRequest.WipeMode").Name(request.mode)
        self._check_user_disks(list(request.user_disks_to_wipe), mode)
        labels = [each.label for each in request.system_partitions_to_wipe]
        self._check_partitions(labels, mode)
        wipe = tuple(each.label for each in request.system_partitions_to_wipe if each.wipe)
        return self._accept(
            "Reset",
            Request(
                "reset",
                str(uuid.uuid4()),
                graceful=request.graceful,
                reboot=request.reboot,
                wipe=wipe,
                wipe_disk=mode != "USER_DISKS" and not labels,
                user_disks=tuple(request.user_disks_to_wipe),
            ),
        )

    def _check_user_disks(self, paths: list[str], mode: str) -> None:
        if not paths:
            return
        if mode == "SYSTEM_DISK":
            raise refusals.unknown(
                "reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter"
            )
        disks = {disk.path: disk for disk in self._node.description.disks}
        for path in paths:
            if path not in disks:
                raise refusals.unknown(f"reset user disk failed: device {path} wasn't found")
            if disks[path].readonly:
                raise refusals.unknown(f"reset user disk failed: device {path} is readonly")
            if path == self._node.partitions.system_disk:
                raise refusals.unknown(f"reset user disk failed: device {path} is the system disk")

    def _check_partitions(self, labels: list[str], mode: str) -> None:
        if not labels:
            return
        if mode == "USER_DISKS":
            raise refusals.unknown(
                "reset failed: invalid input, wipe mode USER_DISKS doesn't support SystemPartitionsToWipe parameter"
            )
        type = "VolumeStatuses.block.talos.dev"
        for label in labels:
            volume = self._node.store.spec("runtime", type, label)
            if volume is None:
                missing = f"resource {type}(runtime/{label}@undefined) doesn't exist"
                raise refusals.unknown(f'failed to get volume status with label "{label}": {missing}')
            if not volume["location"]:
                raise refusals.unknown(f'failed to reset: volume "{label}" is not located')


def handlers(node: Node, request: Callable[[Request], None]) -> Handlers:
    """Return the handlers; *request* asks the machine for a sequence."""
    return PowerCalls(node, request).handlers()
