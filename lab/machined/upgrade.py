# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade before and after its first boot: into the other slot, and back when that boot fails.

Source: siderolabs/talos:cmd/installer/pkg/install/install.go (META tag Upgrade), preflight.go,
internal/app/machined/revert.go, internal/app/machined/pkg/controllers/runtime/drop_upgrade_fallback.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.lab.machined.boot_slots import UPGRADE_TAG, NoOtherSlot
from ansible_collections.homelab.talos.lab.machined.installer_images import image_of
from ansible_collections.homelab.talos.lab.machined.machine_status import TYPE as MACHINE_STATUS
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import runtime
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions


class InstallerFailed(Exception):
    """The installer ended with exit code 1; the text is its last line."""


def run_installer(node: Node, reference: str) -> Iterator[str]:
    """Install a known image into the slot that is not in use, and note where to go back to; yield what is printed.

    Raises :class:`InstallerFailed`, and ``UnknownImage`` for an image the lab does not know.
    """
    image, host = image_of(reference), node.description.talos_version
    yield "running pre-flight checks"
    yield f"host Talos version: {host}"
    fault = versions.upgrade_fault(host, image.talos_version)
    if fault:
        raise InstallerFailed(f"pre-flight checks failed: {fault}")
    yield "all pre-flight checks successful"
    previous = node.partitions.slots.upgrade(image)
    node.partitions.set_meta(UPGRADE_TAG, previous)
    runtime.publish_meta(node)
    yield f"installed {image.talos_version} to slot {node.partitions.slots.default}"


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
