# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From power to running: initialize, maintenance, install, boot.

Source: siderolabs/talos:internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go.
"""

from __future__ import annotations

import asyncio

from ansible_collections.homelab.talos.lab.machined import (
    etcd_promotion,
    event_messages,
    kubeprism,
    shared_address,
)
from ansible_collections.homelab.talos.lab.machined.awaited_services import AwaitedServices
from ansible_collections.homelab.talos.lab.machined.boot_slots import BootImage
from ansible_collections.homelab.talos.lab.machined.configuration import Configurator
from ansible_collections.homelab.talos.lab.machined.decoding import ConfigurationError
from ansible_collections.homelab.talos.lab.machined.lifecycle import Outcome, end_boot
from ansible_collections.homelab.talos.lab.machined.machine_status import keep_publishing, set_stage
from ansible_collections.homelab.talos.lab.machined.network_control import apply_network
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.phases import before_services, before_stopping
from ansible_collections.homelab.talos.lab.machined.resources import cluster, kubernetes
from ansible_collections.homelab.talos.lab.machined.resources import configuration as configuration_resources
from ansible_collections.homelab.talos.lab.machined.resources import network as network_resources
from ansible_collections.homelab.talos.lab.machined.resources import runtime as runtime_resources
from ansible_collections.homelab.talos.lab.machined.sequence import Phase, Sequence, SequenceFailed
from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceDefinition
from ansible_collections.homelab.talos.lab.machined.services import boot_services, early_services
from ansible_collections.homelab.talos.lab.machined.stopping import idle, stop_the_rest
from ansible_collections.homelab.talos.lab.machined.upgrade import keep_upgrade

# Source: siderolabs/talos:pkg/machinery/constants/constants.go (BootTimeout)
BOOT_TIMEOUT_SECONDS = 70 * 60.0
WAITING_LINE_SECONDS = 15.0
# Source: siderolabs/talos:internal/app/machined/pkg/controllers/config/acquire.go
MAINTENANCE_TASK = "runningMaintenance"


class Boot:
    """The sequences of one boot of a node."""

    def __init__(self, node: Node, configurator: Configurator) -> None:
        self._node = node
        self._configurator = configurator
        self._problem = ""  # with the stored configuration

    async def run(self) -> bool:
        """Boot; True when the machine shall reboot (it was installed), False when it is running.

        Raises :class:`SequenceFailed`.
        """
        await self._initialize()
        if not self._node.partitions.installed:
            await self._install()
            return True
        await self._boot()
        return False

    async def _initialize(self) -> None:
        left_out = [Phase(name, is_left_out=True) for name in ("wipeDisks", "haltIfInstalled")]
        await Sequence(self._node, "initialize").run(
            [
                Phase("systemRequirements"),
                Phase("earlyServices", self._start_early_services),
                *idle("usb", "meta"),
                Phase("cleanupBootloader", is_left_out=True),
                Phase("dashboard"),
                *left_out,
                Phase("config", self._acquire_config),
            ]
        )

    async def _start_early_services(self, sequence: Sequence) -> None:
        node = self._node
        node.partitions.prepare()
        if node.partitions.load_config() is not None:
            node.identify()
        self._problem = self._load_config()  # before its phase: apid's certificates depend on it
        await self._publish_first()
        self._start(early_services(node, self._configurator.apid))
        sequence.tasks("earlyServices")

    async def _acquire_config(self, sequence: Sequence) -> None:
        node = self._node
        with sequence.task("loadConfig"):
            if self._problem:
                sequence.log(f"failed to load config from STATE: {self._problem}")
                node.events.publish(event_messages.config_load_error(self._problem))
            if node.config is None:
                await self._maintenance()

    def _load_config(self) -> str:
        """Activate the stored configuration; returns what is wrong with it, which leads to maintenance."""
        stored = self._node.partitions.load_config()
        if stored is None:
            return ""
        try:
            self._configurator.activate(stored)
        except ConfigurationError as error:
            return str(error)
        return ""

    async def _publish_first(self) -> None:
        node = self._node
        runtime_resources.publish(node)
        await apply_network(node)
        await network_resources.refresh(node)
        network_resources.publish_settings(node)
        configuration_resources.publish(node)
        node.controller(lambda: keep_publishing(node), "runtime.MachineStatusController")
        node.controller(lambda: network_resources.keep_publishing(node), "network.AddressStatusController")

    def _start(self, definitions: list[ServiceDefinition]) -> None:
        for definition in definitions:
            self._node.load(definition).start()

    async def _maintenance(self) -> None:
        node = self._node
        node.events.publish(event_messages.task(MAINTENANCE_TASK, event_messages.START))
        try:
            set_stage(node, "maintenance")
            node.journal.talos("entering maintenance service")
            await node.board.until(lambda: node.config is not None)
        finally:
            node.events.publish(event_messages.task(MAINTENANCE_TASK, event_messages.STOP))
        node.journal.talos("machine config received, leaving maintenance service")

    async def _install(self) -> None:
        node = self._node
        set_stage(node, "installing")
        node.busy = "install"
        await Sequence(node, "install").run(
            [
                Phase("env"),
                Phase("install", self._run_installer),
                *idle("meta", "saveMeta", *before_stopping(node.description.talos_version), "volumeFinalize"),
                stop_the_rest(node),
                Phase("kexec"),
                end_boot(node, Outcome.REBOOT),
            ]
        )
        node.busy = ""

    async def _run_installer(self, sequence: Sequence) -> None:
        with sequence.task("install"):
            self._install_to_disk()

    def _install_to_disk(self) -> None:
        node = self._node
        disk = self._configurator.install_disk(node.config)
        node.journal.talos(f"installing Talos to {disk}")
        node.partitions.install(disk, BootImage.of(node.description))
        node.partitions.save_config(node.config_text)
        runtime_resources.publish_volumes(node)

    async def _boot(self) -> None:
        node = self._node
        set_stage(node, "booting")
        if node.partitions.load_config() is None:
            node.partitions.save_config(node.config_text)
        node.identify()
        await self._configurator.spread()
        before = before_services(node.description.talos_version)
        await Sequence(node, "boot").run([*idle(*before), Phase("startEverything", self._start_everything)])
        set_stage(node, "running")
        node.journal.talos("boot sequence finished")

    async def _start_everything(self, sequence: Sequence) -> None:
        self._start_controllers()
        with sequence.task("startAllServices"):
            self._start(boot_services(self._node))
            await self._wait_for_services(sequence)

    def _start_controllers(self) -> None:
        node = self._node
        node.controller(lambda: cluster.keep_publishing(node), "cluster.AffiliateMergeController")
        node.controller(lambda: cluster.keep_announcing(node), "cluster.DiscoveryServiceController")
        node.controller(lambda: kubernetes.keep_publishing(node), "k8s.NodeStatusController")
        node.controller(lambda: kubeprism.keep_balancing(node), "k8s.KubePrismController")
        node.controller(lambda: keep_upgrade(node), "runtime.DropUpgradeFallbackController")
        if node.is_controlplane:
            node.controller(lambda: kubernetes.keep_control_plane(node), "k8s.ControlPlaneStaticPodController")
            node.controller(lambda: kubernetes.keep_static_pod_statuses(node), "k8s.KubeletStaticPodController")
            node.controller(lambda: etcd_promotion.keep_promoting(node), "etcd promotion")
            node.controller(lambda: shared_address.keep_shared_addresses(node), "network.OperatorSpecController")

    async def _wait_for_services(self, sequence: Sequence) -> None:
        node = self._node
        awaited = AwaitedServices(node.services, node.description.talos_version)
        sequence.log(f"waiting for {len(node.services)} services")
        up = asyncio.create_task(node.board.until(awaited.arrived))
        limit = asyncio.create_task(node.clock.sleep(BOOT_TIMEOUT_SECONDS))
        complaints = asyncio.create_task(self._complain(sequence, awaited))
        try:
            await asyncio.wait({up, limit}, return_when=asyncio.FIRST_COMPLETED)
            if not up.done():
                raise SequenceFailed(awaited.deadline_exceeded())
        finally:
            for task in (up, limit, complaints):
                task.cancel()

    async def _complain(self, sequence: Sequence, awaited: AwaitedServices) -> None:
        while True:
            sequence.log(str(awaited))
            await self._node.clock.sleep(WAITING_LINE_SECONDS)
