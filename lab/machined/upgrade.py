# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade before and after its first boot: into the other slot, and back when that boot fails.

Source: siderolabs/talos:cmd/installer/pkg/install/install.go (META tag Upgrade), internal/app/machined/revert.go,
internal/app/machined/pkg/controllers/runtime/drop_upgrade_fallback.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.boot_slots import UPGRADE_TAG, BootImage, NoOtherSlot
from ansible_collections.homelab.talos.lab.machined.machine_status import TYPE as MACHINE_STATUS
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import runtime


def write_upgrade(node: Node, image: BootImage) -> None:
    """Install an image into the slot that is not in use, and note where to go back to."""
    previous = node.partitions.slots.upgrade(image)
    node.partitions.set_meta(UPGRADE_TAG, previous)
    runtime.publish_meta(node)


def revert_failed_upgrade(node: Node) -> None:
    """After a fatal error: go back to the former slot unless the upgrade has proved itself."""
    previous = node.partitions.meta().get(UPGRADE_TAG)
    if not previous:
        return
    node.journal.talos(f'reverting failed upgrade, switching to "{previous}"')
    try:
        node.partitions.slots.revert()
    except NoOtherSlot as error:
        node.journal.talos(f"failed to revert bootloader: {error}")
        return
    node.partitions.set_meta(UPGRADE_TAG, None)


async def keep_upgrade(node: Node) -> None:
    """Once the machine is running and ready, there is no way back any more."""

    def proved() -> bool:
        spec = node.store.spec("runtime", MACHINE_STATUS, "machine") or {}
        return spec.get("stage") == "running" and bool(spec["status"]["ready"])

    await node.board.until(proved)
    if UPGRADE_TAG in node.partitions.meta():
        node.partitions.set_meta(UPGRADE_TAG, None)
        runtime.publish_meta(node)
        node.journal.talos("removing fallback entry")
