# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small lab of emulated nodes for tests: bundle, configurations, machines, clients."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined.clock import LabClock
from ansible_collections.homelab.talos.lab.machined.description import NodeDescription
from ansible_collections.homelab.talos.lab.machined.discovery import Discovery
from ansible_collections.homelab.talos.lab.machined.machine import Machine
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki, secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Node as NodeDefinition
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials

from .fakes import FakePrograms, FakeRuntime, Wire

VERSION = "v1.13.9"
SUBNET = "198.18.9.0/24"
VARIANT = ("drbd", "spin", "zfs")
#: A container of a pod that does not heed SIGTERM.
DEAF_POD = {"namespace": "default", "pod": "web-1", "name": "web", "id": "0", "pid": 77}
MODES = enum("machine.ApplyConfigurationRequest.Mode")
# Only what never comes lasts so long: a machine may have a lot to do besides.
LIMIT_SECONDS = 60.0


@functools.cache
def bundle() -> dict[str, Any]:
    """One secrets bundle for all tests (small service account key: it is not used)."""
    return secrets_bundle.generate(service_account_bits=2048)


def cluster(endpoint: str = "https://198.18.9.11:6443") -> Cluster:
    variants = {"compute": {"extensions": list(VARIANT)}, "gateway": {"extensions": [*VARIANT, "tailscale"]}}
    return Cluster.from_mapping(
        {
            "name": "home",
            "endpoint": endpoint,
            "talos_version": VERSION,
            "cni": "none",
            "proxy": {"disabled": True},
            "coredns": {"disabled": True},
            "variants": variants,
        }
    )


def definition(name: str, address: str, machine_type: str, **more: Any) -> NodeDefinition:
    network = {"interface": "eth0", "prefix": 24, "gateway": "198.18.9.1", "nameservers": ["198.18.9.1"]}
    values = {"name": name, "machine_type": machine_type, "role": "compute", "address": address, "network": network}
    values["install"] = {"disk": "/dev/vda"}
    return NodeDefinition.from_mapping(values | more)


def config(node: NodeDefinition, change: Callable[[MachineConfig], None] = lambda config: None) -> bytes:
    """Return the rendered configuration of a node, after *change*."""
    rendered = render(cluster(), node, bundle()).copy()
    change(rendered)
    return rendered.to_text().encode()


def credentials(*roles: str) -> Credentials:
    """Return credentials of the test cluster; os:admin without roles."""
    leaf = secrets_bundle.issue_client(bundle(), roles or (pki.ROLE_ADMIN,))
    return Credentials(secrets_bundle.authority(bundle(), "os").crt, leaf.crt, leaf.key)


@dataclass
class Home:
    """Machines on one wire. ``clock`` is shared lab time."""

    directory: Path
    wire: Wire = field(default_factory=Wire)
    version: str = VERSION
    clock: LabClock = field(default_factory=lambda: LabClock(speed=20.0))
    machines: dict[str, Machine] = field(default_factory=dict)
    runtimes: dict[str, FakeRuntime] = field(default_factory=dict)
    programs: dict[str, FakePrograms] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.discovery = Discovery(self.clock)

    async def add(self, name: str, address: str, extensions: Sequence[str] = VARIANT, **more: Any) -> Machine:
        """Plug a new machine in and switch it on."""
        directory = self.directory / name
        runtime = FakeRuntime(name, address, directory, self.wire)
        programs = FakePrograms(directory)
        mapping = {"name": name, "address": address, "extensions": list(extensions)} | more
        description = NodeDescription.from_mapping(mapping, self.version, SUBNET)
        machine = Machine(runtime, description, programs, self.discovery, self.clock)
        self.machines[name], self.runtimes[name], self.programs[name] = machine, runtime, programs
        await machine.power_on()
        return machine

    def client(self, address: str, *roles: str, insecure: bool = False, creds: Credentials | None = None) -> Client:
        """Return a client of the node at *address*."""

        def connect(*_arguments: Any) -> socket.socket:
            return self.wire.connect(address, 50000)

        if insecure:
            return Client(address, insecure=True, socket_factory=connect)
        return Client(address, credentials=creds or credentials(*roles), socket_factory=connect)

    async def close(self) -> None:
        for machine in self.machines.values():
            await machine.power_off()


@asynccontextmanager
async def home(directory: Path) -> AsyncIterator[Home]:
    """A lab that is taken down at the end."""
    lab = Home(directory)
    try:
        yield lab
    finally:
        await lab.close()


async def until(condition: Callable[[], Any], what: str, seconds: float = LIMIT_SECONDS) -> Any:
    """Wait until *condition* returns something true (or an awaitable of it) and return that."""
    last: Any = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                last = condition()
                if asyncio.iscoroutine(last):
                    try:
                        last = await last
                    except TalosError as error:
                        last = None
                        what_last = str(error)
                if last:
                    return last
                # sleep: the poll of a wait with a limit
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}; last: {locals().get('what_last', last)}") from None


async def stage(machine: Machine, wanted: str) -> None:
    """Wait until the machine is in a stage and its API answers."""
    await until(lambda: machine.stage == wanted and machine.node.is_up("apid"), f"stage {wanted}")


def apply_request(data: bytes, mode: str = "AUTO", **more: Any) -> Any:
    return message("machine.ApplyConfigurationRequest")(data=data, mode=MODES.Value(mode), **more)


async def apply(client: Client, data: bytes, mode: str = "AUTO", **more: Any) -> Any:
    """Apply a configuration and return the only element of the reply."""
    reply = await client.unary("machine.MachineService/ApplyConfiguration", apply_request(data, mode, **more))
    return reply.messages[0]


async def configure(lab: Home, name: str, data: bytes) -> None:
    """Bring a machine in maintenance to its configured boot."""
    machine = lab.machines[name]
    await stage(machine, "maintenance")
    boot = lab.runtimes[name].boot_id
    async with lab.client(machine.node.runtime.address, insecure=True) as client:
        await apply(client, data)
    node = machine.node
    await until(lambda: lab.runtimes[name].boot_id != boot and node.config and node.is_up("apid"), "configured boot")


async def control_plane(lab: Home, data: bytes | None = None, **more: Any) -> Machine:
    """A running control plane cp1 at 198.18.9.11."""
    machine = await lab.add("cp1", "198.18.9.11", **more)
    await configure(lab, "cp1", data or config(definition("cp1", "198.18.9.11", "controlplane")))
    async with lab.client("198.18.9.11") as client:
        await until(lambda: bootstrap(client), "bootstrap accepted")
    await stage(machine, "running")
    return machine


async def bootstrap(client: Client) -> bool:
    await client.unary("machine.MachineService/Bootstrap", message("machine.BootstrapRequest")())
    return True


def play(directory: Path, scenario: Callable[[Home], Coroutine[Any, Any, None]]) -> None:
    """Run *scenario* in a lab of its own and take the lab down."""

    async def main() -> None:
        async with home(directory) as lab:
            await scenario(lab)

    asyncio.run(main())


async def worker(lab: Home, name: str = "w1", address: str = "198.18.9.21", **more: Any) -> Machine:
    """A worker that joined the cluster of a running cp1; it is booting or running."""
    role = more.pop("role", "compute")
    extras = more.pop("definition", {})
    machine = await lab.add(name, address, **more)
    await configure(lab, name, config(definition(name, address, "worker", role=role, **extras)))
    return machine


def status(machine: Machine) -> dict[str, Any]:
    """Return the machine's MachineStatus."""
    spec: dict[str, Any] = machine.node.store.spec("runtime", "MachineStatuses.runtime.talos.dev", "machine")
    return spec


async def unary(client: Client, name: str, **fields: Any) -> Any:
    """Call a method of MachineService with the given request fields and return the reply's first element."""
    path = f"machine.MachineService/{name}"
    reply = await client.unary(path, method(path).request_class(**fields))
    return reply.messages[0]


async def chunks(client: Client, name: str, **fields: Any) -> bytes:
    """Call a streaming method of MachineService and return the bytes of its Data messages."""
    path = f"machine.MachineService/{name}"
    return b"".join([data.bytes async for data in client.stream(path, method(path).request_class(**fields))])
