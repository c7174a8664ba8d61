# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulated Talos machine: the power button, and everything behind it."""

from __future__ import annotations

import asyncio

from ansible_collections.homelab.talos.lab.machined import lifecycle
from ansible_collections.homelab.talos.lab.machined.api import build_cosi, build_dispatcher
from ansible_collections.homelab.talos.lab.machined.apid_service import ApidWork
from ansible_collections.homelab.talos.lab.machined.boot import Boot
from ansible_collections.homelab.talos.lab.machined.clock import LabClock
from ansible_collections.homelab.talos.lab.machined.configuration import Configurator
from ansible_collections.homelab.talos.lab.machined.description import NodeDescription
from ansible_collections.homelab.talos.lab.machined.discovery import Discovery
from ansible_collections.homelab.talos.lab.machined.interfaces import Programs, Runtime
from ansible_collections.homelab.talos.lab.machined.lifecycle import Outcome, Request
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.stopping import shut_down
from ansible_collections.homelab.talos.lab.machined.upgrade import revert_failed_upgrade

# Source: siderolabs/talos:internal/app/machined/main.go (countdown after a fatal error)
FATAL_COUNTDOWN_SECONDS = 10
# From the last answer to the loss of all connections; real machines need seconds, in which clients
# read what was sent to them.
KEXEC_SECONDS = 0.5


class Machine:
    """An emulated node.

    Parameters: *runtime* is the machine below (namespaces, processes, directory), *description* what
    the lab says about it, *programs* are this node's real programs, *discovery* and *clock* (lab time)
    are shared by the nodes of a lab.
    """

    def __init__(
        self,
        runtime: Runtime,
        description: NodeDescription,
        programs: Programs,
        discovery: Discovery,
        clock: LabClock | None = None,
    ) -> None:
        self.clock = clock or LabClock()
        self.node = Node(runtime, description, programs, discovery, self.clock)
        self._apid = ApidWork(self.node)
        self.configurator = Configurator(self.node, self._apid)
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._cosi = build_cosi(self.node)
        self._apid.attach(build_dispatcher(self.node, self._cosi, self.configurator, self._apid, self.request))
        self._life: asyncio.Task[None] | None = None
        self._has_power = False

    @property
    def is_on(self) -> bool:
        """Whether the machine has power."""
        return self._life is not None and not self._life.done()

    @property
    def stage(self) -> str:
        """MachineStatus' stage, ``off`` without power."""
        return self.node.stage if self.is_on else "off"

    async def power_on(self) -> None:
        """Switch the machine on; returns when it has power, long before it is running."""
        if self.is_on:
            return
        self._requests = asyncio.Queue()
        await self._power_on()
        self._life = asyncio.create_task(self._live(), name=f"machine {self.node.runtime.name}")

    async def power_off(self) -> None:
        """Pull the plug: every process ends at once, STATE, META and EPHEMERAL stay."""
        life, self._life = self._life, None
        if life is not None:
            self._cut()
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
        await self._power_off()

    async def reboot(self) -> None:
        """Reboot in order, as the API's Reboot does; returns at once."""
        self.request(Request("reboot"))

    async def shutdown(self) -> None:
        """Shut down in order and wait until the machine is off."""
        life = self._life
        self.request(Request("shutdown"))
        if life is not None:
            await asyncio.wait({life})

    def skip(self, seconds: float) -> None:
        """Move the lab time of this machine forward, which its kernel log shows."""
        self.node.journal.dmesg(f"[lab] lab time moved forward by {seconds:g} s")
        self.clock.advance(seconds)

    def request(self, request: Request) -> None:
        """Ask for a sequence; it takes over whatever the machine is doing."""
        self.node.busy = request.sequence
        self._requests.put_nowait(request)

    async def _live(self) -> None:
        while True:
            outcome = await self._one_boot()
            await self._apid.drain()
            await self.node.clock.sleep(KEXEC_SECONDS)
            await self._power_off()
            if outcome is Outcome.OFF:
                return
            await self._power_on()

    async def _one_boot(self) -> Outcome:
        """Boot, run, and carry out the request that ends it."""
        boot = asyncio.create_task(self._boot())
        request = asyncio.create_task(self._requests.get())
        try:
            await asyncio.wait({boot, request}, return_when=asyncio.FIRST_COMPLETED)
            if not request.done() and boot.result():
                return Outcome.REBOOT
            wanted = await request
            boot.cancel()
            await asyncio.gather(boot, return_exceptions=True)
            return await self._carry_out(wanted)
        finally:
            for task in (boot, request):
                task.cancel()
            await asyncio.gather(boot, request, return_exceptions=True)

    async def _boot(self) -> bool:
        """Return True when the machine shall reboot."""
        try:
            return await Boot(self.node, self.configurator).run()
        except Exception as error:
            await self._count_down(error)
            return True

    async def _carry_out(self, request: Request) -> Outcome:
        try:
            return await lifecycle.carry_out(self.node, request)
        except Exception as error:
            await self._count_down(error)
            return Outcome.REBOOT

    async def _count_down(self, error: Exception) -> None:
        """What machined does when a sequence failed: stop everything, undo an upgrade that did not prove itself."""
        await self._apid.drain()
        await shut_down(self.node)
        self.node.journal.talos(str(error))
        revert_failed_upgrade(self.node)
        for seconds in range(FATAL_COUNTDOWN_SECONDS, -1, -1):
            self.node.journal.talos(f"rebooting in {seconds} seconds")
            await self.node.clock.sleep(1.0)

    async def _power_on(self) -> None:
        await self.node.runtime.power_on()
        self._has_power = True
        self.node.fresh()
        self._cosi.publish_definitions()

    def _cut(self) -> None:
        self.node.powered = False
        self.configurator.keep()
        for service in self.node.services.values():
            service.abandon()

    async def _power_off(self) -> None:
        self._cut()
        await self.node.end_controllers()
        for service in self.node.services.values():
            await service.gone()
        if self._has_power:
            await self.node.runtime.power_off()
            lifecycle.erase(self.node)
            self._has_power = False
