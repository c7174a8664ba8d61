# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and BlockDeviceWipe.

Source: siderolabs/talos:internal/app/storaged/server.go.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined import refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.description import Disk
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PREFIX = "/storage.StorageService/"


def _kind(disk: Disk) -> str:
    if disk.name.startswith("nvme"):
        return "NVME"
    return "HDD" if disk.rotational else "SSD"


def handlers(node: Node) -> Handlers:
    """Return the handlers."""

    async def disks(call: Call) -> Any:
        reply = message("storage.DisksResponse")()
        element = reply.messages.add()
        for disk in node.description.disks:
            element.disks.add(
                size=disk.size,
                model=disk.model,
                device_name=disk.path,
                serial=disk.serial,
                type=enum("storage.Disk.DiskType").Value(_kind(disk)),
                bus_path=f"/lab/{disk.name}",
                system_disk=disk.path == node.partitions.system_disk,
                subsystem="/sys/class/block",
                readonly=disk.readonly,
            )
        return reply

    async def wipe(call: Call) -> Any:
        known = {disk.name for disk in node.description.disks}
        for wanted in call.request.devices:
            name = wanted.device.removeprefix("/dev/")
            if name not in known:
                raise refusals.not_found(f'blockdevice "{wanted.device}" not found')
            if f"/dev/{name}" == node.partitions.system_disk and not wanted.skip_volume_check:
                raise refusals.failed_precondition(f'blockdevice "{wanted.device}" is in use by volume "EPHEMERAL"')
        reply = message("storage.BlockDeviceWipeResponse")()
        reply.messages.add()
        return reply

    return {f"{PREFIX}Disks": disks, f"{PREFIX}BlockDeviceWipe": wipe}
