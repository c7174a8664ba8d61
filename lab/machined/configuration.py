# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine configuration of a node: reading, activating, storing, rolling back."""

from __future__ import annotations

import asyncio

from ansible_collections.homelab.talos.lab.machined.apid_service import ApidWork
from ansible_collections.homelab.talos.lab.machined.decoding import read
from ansible_collections.homelab.talos.lab.machined.immediate import kubelet_settings
from ansible_collections.homelab.talos.lab.machined.network_control import apply_network
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import cluster
from ansible_collections.homelab.talos.lab.machined.resources import configuration as configuration_resources
from ansible_collections.homelab.talos.lab.machined.resources import network as network_resources
from ansible_collections.homelab.talos.lab.machined.service_runner import State
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


class Configurator:
    """Changes the configuration of a node and everything that follows from it."""

    def __init__(self, node: Node, apid: ApidWork) -> None:
        self._node = node
        self.apid = apid
        self._rollback: asyncio.Task[None] | None = None

    def activate(self, data: bytes) -> MachineConfig | None:
        """Make *data* the active configuration and return the former one; raises ``ConfigurationError``."""
        node, old = self._node, self._node.config
        node.config, node.config_text = read(data, node.description.talos_version), data
        node.board.post()
        return old

    def install_disk(self, config: MachineConfig | None) -> str:
        """Return the device path *config* installs on; raises ``LookupError`` with Talos' words."""
        disks = self._node.description.disks
        wanted = "" if config is None else str(config.value("machine", "install", "disk", default=""))
        if not wanted:
            usable = [disk for disk in disks if not disk.readonly]
            if not usable:
                raise LookupError("no disks matched the expression: !disk.readonly")
            return usable[0].path
        if wanted not in {disk.path for disk in disks}:
            raise LookupError(f'no disks matched the expression: disk.dev_path == "{wanted}"')
        return wanted

    async def change(self, data: bytes) -> None:
        """Activate *data* on a running node and bring everything in line with it."""
        node = self._node
        extensions = self._extension_versions()
        old = self.activate(data)
        if node.stage in ("maintenance", "installing"):
            return
        await self.spread()
        await self._restart_changed(old, extensions)

    async def spread(self) -> None:
        """Bring network, resources, certificates and membership in line with the active configuration."""
        node = self._node
        await apply_network(node)
        await network_resources.refresh(node)
        network_resources.publish_settings(node)
        configuration_resources.publish(node)
        cluster.announce(node)
        if self.apid.outdated:
            await self._reload_apid()
        node.board.post()

    async def _reload_apid(self) -> None:
        """Give apid certificates that fit; the request that made this necessary keeps its connection."""
        if "apid" in self._node.services and self._node.services["apid"].state is State.RUNNING:
            if self._node.is_controlplane:
                await self.apid.reload()
            else:
                # A worker asks trustd, which may take as long as there is no control plane.
                self._node.controller(self.apid.reload, "apid certificates")

    async def _restart_changed(self, old: MachineConfig | None, extensions: dict[str, str]) -> None:
        node = self._node
        for name, version in self._extension_versions().items():
            service = node.services.get(f"ext-{name}")
            if service is not None and service.state is State.RUNNING and extensions.get(name) != version:
                await service.stop()
                service.start()
        kubelet = node.services.get("kubelet")
        changed = old is None or node.config is None or kubelet_settings(old) != kubelet_settings(node.config)
        if kubelet is not None and kubelet.active and changed:
            await kubelet.stop()
            kubelet.start()
        if node.config is not None and node.kubernetes_node is not None:
            await node.programs.kubernetes.apply_node(node.config, node.nodename)

    def _extension_versions(self) -> dict[str, str]:
        statuses = self._node.store.list("runtime", configuration_resources.EXTENSION_STATUS_TYPE)
        return {each.id: each.spec["specVersion"] for each in statuses}

    def roll_back_after(self, seconds: float) -> None:
        """Return to the stored configuration after *seconds* of lab time, unless cancelled."""
        self.keep()
        self._rollback = asyncio.create_task(self._roll_back(seconds))

    def keep(self) -> None:
        """Cancel a pending rollback."""
        if self._rollback is not None:
            self._rollback.cancel()
            self._rollback = None

    async def _roll_back(self, seconds: float) -> None:
        await self._node.clock.sleep(seconds)
        stored = self._node.partitions.load_config()
        if stored is not None and self._node.powered:
            self._node.journal.talos("rolling back the configuration applied in 'try' mode")
            self._rollback = None
            await self.change(stored)
