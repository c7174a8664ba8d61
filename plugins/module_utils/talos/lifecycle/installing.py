# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a configuration makes a node in maintenance mode install Talos, which erases a disk."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

DOCUMENT = "UnattendedInstallConfig"


class EraseRefused(Exception):
    """A disk would be erased without leave; one line with node, disk and remedy."""


def disk_to_erase(config: MachineConfig) -> str:
    """Return the disk that installing with the configuration erases, in words; empty when nothing is installed."""
    document = config.document(DOCUMENT)
    if document is not None:
        return _chosen(document)
    machine = config.v1alpha1.get("machine")
    if not isinstance(machine, Mapping) or "install" not in machine:
        return ""
    install = machine["install"] if isinstance(machine["install"], Mapping) else {}
    if install.get("disk"):
        return str(install["disk"])
    return "the disk of machine.install.diskSelector" if install.get("diskSelector") else "a disk"


def refuse_to_erase(config: MachineConfig, name: str) -> None:
    """Refuse a configuration with which a node in maintenance mode installs to a disk.

    :param name: the node in messages.
    :raises EraseRefused: it does.
    """
    disk = disk_to_erase(config)
    if disk:
        raise EraseRefused(f"{name}: installing erases {disk}; set erase: true for this host")


def _chosen(document: Mapping[str, object]) -> str:
    provisioning = document.get("provisioning")
    selector = provisioning.get("diskSelector") if isinstance(provisioning, Mapping) else None
    match = selector.get("match") if isinstance(selector, Mapping) else None
    return f"the disk with {' '.join(str(match).split())}" if match else "a disk"
