# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that is a running lab: it powers the machines and plays Talos on each of them."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from collections.abc import Collection
from typing import Any

from ansible_collections.homelab.talos.lab import control
from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.engine.ensure import Engine, ensure_engine
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.held import wire_is_cut
from ansible_collections.homelab.talos.lab.host import escapes, links
from ansible_collections.homelab.talos.lab.host.record import LabRecord, read_record
from ansible_collections.homelab.talos.lab.machined.clock import LabClock
from ansible_collections.homelab.talos.lab.machined.discovery import Discovery
from ansible_collections.homelab.talos.lab.machined.machine import Machine
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.lab.programs.kubernetes_access import KubernetesAccess
from ansible_collections.homelab.talos.lab.programs.node_programs import NodePrograms
from ansible_collections.homelab.talos.lab.programs.pod_network import connect_pods
from ansible_collections.homelab.talos.lab.programs.shared_volumes import PLACE, SharedVolumes
from ansible_collections.homelab.talos.lab.services.lab_services import LabServices
from ansible_collections.homelab.talos.lab.services.service_node import ServiceNode
from ansible_collections.homelab.talos.lab.spin.sharing import shared_directories

_POD_NETWORK_PERIOD_SECONDS = 0.5


class Supervisor:
    """All machines of one lab. *record* names what belongs to the lab on the host."""

    def __init__(self, description: LabDescription, record: LabRecord, engine: Engine) -> None:
        self._description = description
        self._record = record
        # A clock for each machine, so that a limit can be reached on one of them; the last is that of the wires.
        self._clocks = {node.name: LabClock() for node in description.nodes}
        self._common_clock = LabClock()
        discovery = Discovery(self._common_clock)
        shared = shared_directories()
        self._shared_volumes: SharedVolumes | None = None
        if description.shared_storage:
            shared[PLACE] = record.state_directory / PLACE
            self._shared_volumes = SharedVolumes(shared[PLACE], self._administrator)
        self._runtimes: dict[str, NodeRuntime] = {}
        self._machines: dict[str, Machine] = {}
        self._access: dict[str, KubernetesAccess] = {}
        for node in description.nodes:
            runtime = NodeRuntime(
                description.name,
                node.name,
                node.address,
                description.subnet,
                record.state_directory / node.name,
                links.router_namespace(description.name),
                engine,
                wire_is_cut=functools.partial(wire_is_cut, record.run_directory, node.name),
                shared=shared,
            )
            programs = NodePrograms.of(runtime, tailnet=description.has_tailnet)
            self._runtimes[node.name] = runtime
            self._access[node.name] = programs.kubernetes
            self._machines[node.name] = Machine(runtime, node, programs, discovery, self._clocks[node.name])
        self._services = LabServices(description.services, record, engine)
        self._connected: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {}

    async def run(self, ended: asyncio.Event, off: Collection[str] = ()) -> None:
        """Wire the lab up, power the machines on, serve requests until *ended* is set, power off.

        The machines named in *off* stay off. The router may be there already: it outlives a supervisor.
        """
        router = links.router_namespace(self._description.name)
        if not links.existing_namespaces([router]):
            await asyncio.to_thread(links.create_router, router, self._record.link, self._description.subnet)
            if any(links.is_outside(service.address) for service in self._description.services):
                await asyncio.to_thread(links.create_outside, router)
            escapes.count_on_router(router, tailnet=self._description.has_tailnet)
        try:
            await self._services.power_on()
            await asyncio.gather(*(each.power_on() for name, each in self._machines.items() if name not in off))
            server = await control.serve(self._record.run_directory, self._handle)
            tasks = [asyncio.create_task(self._keep_pods_connected())]
            if self._shared_volumes is not None:
                tasks.append(asyncio.create_task(self._shared_volumes.keep()))
            await ended.wait()
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await asyncio.gather(*(machine.power_off() for machine in self._machines.values()), return_exceptions=True)
            await self._services.power_off()

    async def _keep_pods_connected(self) -> None:
        """Give each node the pod network as soon as Kubernetes has given it a pod CIDR."""
        while True:
            try:
                await self._connect_pods()
            except (LabError, OSError) as error:
                # A machine lost power in between; the next turn sees it as it is then.
                print(f"pod network: {error}", flush=True)
            await asyncio.sleep(_POD_NETWORK_PERIOD_SECONDS)

    def _administrator(self) -> KubernetesAccess | None:
        """Return whom to ask as administrator: a control plane whose node is known to its cluster."""
        for machine in self._machines.values():
            node = machine.node
            if node.powered and node.is_controlplane and node.kubernetes_node is not None:
                return self._access[node.runtime.name]
        return None

    async def _connect_pods(self) -> None:
        found = {}
        for name, machine in self._machines.items():
            node = machine.node.kubernetes_node
            if machine.node.powered and node is not None and node.pod_cidrs:
                found[name] = node.pod_cidrs[0]
        for name, cidr in found.items():
            others = {found[other]: self._runtimes[other].address for other in found if other != name}
            # The boot id is part of the key: a rebooted machine has forgotten its routes.
            wanted = (f"{self._runtimes[name].boot_id} {cidr}", tuple(sorted(others.items())))
            config = self._machines[name].node.config
            if config is not None and self._connected.get(name) != wanted:
                await connect_pods(self._runtimes[name], config, cidr, others)
                self._connected[name] = wanted

    async def _handle(self, request: dict[str, Any]) -> dict[str, Any]:
        command = request.get("command")
        if command == "status":
            return {
                "nodes": [self._node_status(name) for name in self._machines],
                "services": self._services.status(),
            }
        if command == "time":
            return self._time(float(request.get("advance", 0.0)), [str(name) for name in request.get("nodes", ())])
        service = self._services.find(str(request.get("node", "")))
        if service is not None:
            return {"changed": await _switch_service(service, str(command))}
        machine = self._machine(str(request.get("node", "")))
        if command == "dmesg":
            return {"lines": machine.node.journal.kernel.tail()}
        if command == "reboot":
            return {"changed": await _reboot(machine)}
        if command in ("start", "stop", "power-off"):
            return {"changed": await _switch(machine, command)}
        raise LabError(f"command {command!r} is not known to the lab", "use the lab's own command line")

    def _machine(self, name: str) -> Machine:
        return self._machines[self._description.node(name).name]

    def _time(self, seconds: float, names: list[str]) -> dict[str, Any]:
        """Move lab time forward on the named machines, on all when none is named; return what was skipped so far."""
        chosen = [self._machine(name) for name in names] or list(self._machines.values())
        if seconds:
            for machine in chosen:
                machine.skip(seconds)
            if not names:
                self._common_clock.advance(seconds)
        return {
            "changed": seconds > 0,
            "nodes": [{"name": name, "skipped_seconds": clock.skipped} for name, clock in self._clocks.items()],
        }

    def _node_status(self, name: str) -> dict[str, Any]:
        machine, runtime = self._machines[name], self._runtimes[name]
        node = machine.node
        kubernetes = node.kubernetes_node
        return {
            "name": name,
            "address": runtime.address,
            "powered": node.powered,
            "stage": node.stage if node.powered else "off",
            "machine_type": node.machine_type,
            "kubernetes_ready": bool(kubernetes and kubernetes.ready),
            "boot_id": runtime.boot_id,
            "extensions": [f"{each.name} {each.version}" for each in node.description.extensions],
            "image": node.description.image_note,
            "architecture": node.description.arch,
        }


async def _switch(machine: Machine, command: str) -> bool:
    """Use the power switch; tells whether anything changed. ``stop`` lets Talos shut down first."""
    powered = machine.node.powered
    if command == "start" and not powered:
        await machine.power_on()
    elif command == "power-off" and powered:
        await machine.power_off()
    elif command == "stop" and powered:
        await machine.shutdown()
    else:
        return False
    return True


async def _switch_service(service: ServiceNode, command: str) -> bool:
    """Use the power switch of a service node; tells whether anything changed."""
    if command == "start" and not service.is_on:
        await service.power_on()
    elif command in ("stop", "power-off") and service.is_on:
        await service.power_off()
    elif command not in ("start", "stop", "power-off"):
        raise LabError(f"service {service.name} knows no {command}", "start it, stop it, or look into its log")
    else:
        return False
    return True


async def _reboot(machine: Machine) -> bool:
    """Begin what the machine API's Reboot does; tells whether the machine had the power to."""
    if machine.node.powered:
        await machine.reboot()
    return machine.node.powered


def main(arguments: list[str]) -> int:
    """Run the supervisor of a lab until SIGTERM; returns the exit status.

    The first argument names the lab, the others the machines that stay off.
    """
    name, *off = arguments
    record = read_record().labs[name]
    description = LabDescription.from_file(record.run_directory / "description.json")
    engine = ensure_engine(lambda line: print(line, flush=True), optional=description.programs)

    async def play() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        await Supervisor(description, record, engine).run(ended, off)

    try:
        asyncio.run(play())
    except LabError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
