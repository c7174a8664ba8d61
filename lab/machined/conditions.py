# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services wait for, with Talos' words.

Source: siderolabs/talos:internal/app/machined/pkg/system/services/*.go (Condition, DependsOn).
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import Condition

NETWORK_FLAGS = ("addressReady", "connectivityReady", "hostnameReady", "etcFilesReady")


def service_up(node: Node, id: str) -> Condition:
    """Another service runs and is healthy."""
    return Condition(f'service "{id}" to be "up"', lambda: node.is_up(id))


def time_sync(node: Node) -> Condition:
    """The clock is synchronised."""

    def met() -> bool:
        spec = node.store.spec("runtime", "TimeStatuses.v1alpha1.talos.dev", "node") or {}
        return bool(spec.get("synced") or spec.get("syncDisabled"))

    return Condition("time sync", met)


def network(node: Node) -> Condition:
    """Addresses, connectivity, host name and files of /etc are ready."""

    def met() -> bool:
        spec = node.store.spec("network", "NetworkStatuses.net.talos.dev", "status") or {}
        return all(spec.get(flag) for flag in NETWORK_FLAGS)

    return Condition("network", met)


def extension_config(node: Node, name: str) -> Condition:
    """An ExtensionServiceConfig for the extension was applied."""
    type = "ExtensionServiceConfigStatuses.runtime.talos.dev"
    return Condition("extension service config", lambda: node.store.get("runtime", type, name) is not None)
