# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of one emulated node share."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from ansible_collections.homelab.talos.lab.machined import event_messages, network_plan
from ansible_collections.homelab.talos.lab.machined.description import NodeDescription
from ansible_collections.homelab.talos.lab.machined.discovery import Discovery
from ansible_collections.homelab.talos.lab.machined.event_log import EventLog
from ansible_collections.homelab.talos.lab.machined.interfaces import (
    Clock,
    EtcdStart,
    Facts,
    KubernetesNode,
    Peer,
    Programs,
    Runtime,
)
from ansible_collections.homelab.talos.lab.machined.journal import Journal
from ansible_collections.homelab.talos.lab.machined.notice import NoticeBoard
from ansible_collections.homelab.talos.lab.machined.partitions import IDENTITY_NAME, Partitions
from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceDefinition, ServiceRunner, State
from ansible_collections.homelab.talos.lab.machined.store import Store
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
BASE62 = BASE36 + BASE36[10:].upper()


class Node:
    """The state of one machine: from outside (runtime, medium) and of this boot (store, services, stage).

    ``medium`` is the machine as its lab describes it, ``description`` the machine as it has booted: with the image of
    its default slot once Talos is installed.

    ``config`` is the active machine configuration, ``config_text`` the bytes it came from. ``busy``
    names the sequence that is running (``install``, ``reboot`` ...), empty when none is. ``going_down``
    is set at the end of the last sequence of a boot.
    """

    def __init__(
        self, runtime: Runtime, description: NodeDescription, programs: Programs, discovery: Discovery, clock: Clock
    ) -> None:
        self.runtime = runtime
        self.medium = description
        self.description = description
        self.programs = programs
        self.discovery = discovery
        self.clock = clock
        self.partitions = Partitions(runtime.directory)
        self.store = Store(clock)
        self.events = EventLog(clock, runtime.name)
        self.journal = Journal(clock, runtime.directory / "log")
        self.board = NoticeBoard()
        self.services: dict[str, ServiceRunner] = {}
        self.pids: dict[str, int] = {}  # of the services that are processes of the node
        self.stage = "unknown"
        self.busy = ""
        self.powered = False
        self.boot_time = 0
        self.config: MachineConfig | None = None
        self.config_text = b""
        self.hostname = ""
        self.domainname = ""
        self.node_id = ""
        self.kubernetes_node: KubernetesNode | None = None
        self.etcd_start: EtcdStart | None = None
        self.going_down = asyncio.Event()
        self.wipes: tuple[str, ...] = ()  # what to erase once the power is off
        self._tasks: set[asyncio.Task[None]] = set()

    def fresh(self) -> None:
        """Forget everything a power cycle forgets."""
        self.description = self.partitions.slots.booted(self.medium)
        self.store.clear()
        self.events = EventLog(self.clock, self.runtime.name)
        self.journal.restart()
        self.services.clear()
        self.stage, self.busy = "booting", ""
        self.boot_time = int(time.time())
        self.config, self.config_text = None, b""
        self.hostname = self.domainname = ""
        self.kubernetes_node = None
        self.etcd_start = None
        self.going_down = asyncio.Event()
        self.powered = True

    @property
    def is_controlplane(self) -> bool:
        """Whether the active configuration makes this a control plane."""
        return self.config is not None and self.config.is_controlplane

    @property
    def machine_type(self) -> str:
        """``controlplane``, ``worker`` or ``unknown``."""
        return "unknown" if self.config is None else self.config.machine_type

    @property
    def fqdn(self) -> str:
        """Host name with domain, when there is one."""
        return f"{self.hostname}.{self.domainname}" if self.domainname else self.hostname

    @property
    def nodename(self) -> str:
        """The Kubernetes node name."""
        return self.hostname

    def controller(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """Run a controller until the node loses power; after a failure it starts again, later each time."""

        async def supervised() -> None:
            pause = FIRST_PAUSE_SECONDS
            while True:
                try:
                    await work()
                    return
                except Exception as error:
                    self.journal.talos(f"controller {name} failed, restarting in {pause:g}s: {error}")
                    await self.clock.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

        task = asyncio.create_task(supervised(), name=f"{self.runtime.name} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end_controllers(self) -> None:
        """Cancel every controller."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def load(self, definition: ServiceDefinition) -> ServiceRunner:
        """Make a service known, replacing one of the same id."""
        runner = ServiceRunner(definition, self.clock, self.board, self._service_changed)
        self.services[definition.id] = runner
        return runner

    def _service_changed(self, service: ServiceRunner) -> None:
        newest = service.events[-1]
        line = f"service[{service.id}]({newest.state}): {newest.message}"
        self.journal.talos(line)
        if not self.journal.file(service.id).is_file():  # services without a program of their own
            self.journal.service(service.id).write(line)
        self.events.publish(event_messages.service_state(service))
        if service.state is State.RUNNING:
            health = service.health
            spec = {"running": True, "healthy": health.healthy, "unknown": health.unknown}
            self.store.put(
                "runtime", "Services.v1alpha1.talos.dev", service.id, spec, owner="v1alpha1.ServiceController"
            )
        else:
            self.store.remove("runtime", "Services.v1alpha1.talos.dev", service.id)

    def is_up(self, service: str) -> bool:
        """Whether a service runs and is healthy."""
        return service in self.services and self.services[service].up

    def identify(self) -> str:
        """Return the node's identity, made once and kept in STATE.

        Source: siderolabs/talos:pkg/machinery/resources/cluster/identity.go (32 random bytes, base62).
        """
        path = self.partitions.state / IDENTITY_NAME
        if not path.exists():
            self.partitions.prepare()
            id = "".join(secrets.choice(BASE62) for _digit in range(44))
            path.write_text(f"nodeId: {id}\n")
        self.node_id = path.read_text().split(":", 1)[1].strip()
        return self.node_id

    def stable_hostname(self) -> str:
        """Return the host name Talos derives from the identity when none is configured: ``talos-xxx-xxx``."""
        digest = hashlib.sha256((self.node_id or self.description.name).encode()).digest()
        letters = "".join(BASE36[byte % 36] for byte in digest[:6])
        return f"talos-{letters[:3]}-{letters[3:]}"

    def peers(self) -> tuple[Peer, ...]:
        """Return the other members of the cluster."""
        if self.config is None:
            return ()
        found = [each for each in self.discovery.affiliates(self.cluster_key()) if each.node_id != self.node_id]
        return tuple(Peer(each.nodename, self._unshared(each.addresses), each.machine_type) for each in found)

    def _unshared(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Return *addresses* without those that move from node to node."""
        shared = {each.address for each in network_plan.shared_addresses(self.config, "")}
        return tuple(each for each in addresses if each not in shared)

    def cluster_key(self) -> tuple[str, str]:
        """Return what affiliates of one cluster share: cluster id and secret."""
        if self.config is None:
            return ("", "")
        return (
            str(self.config.value("cluster", "id", default="")),
            str(self.config.value("cluster", "secret", default="")),
        )

    def facts(self, *, bootstrap: EtcdStart | None = None) -> Facts:
        """Return what programs need to know besides the configuration."""
        extensions = tuple(each.name for each in self.description.extensions)
        return Facts(self.hostname, self.address, self.machine_type, bootstrap, self.peers(), extensions)

    @property
    def address(self) -> str:
        """The first address of the node that is not shared with others, without prefix length."""
        return next(iter(self._unshared(self.addresses())), self.runtime.address)

    def addresses(self) -> list[str]:
        """Return the node's addresses (without prefix lengths), the node network's first."""
        spec = self.store.spec("network", "NodeAddresses.net.talos.dev", "current") or {"addresses": []}
        found = [str(each).split("/", maxsplit=1)[0] for each in spec["addresses"]]
        return found or [self.runtime.address]

    def own_names(self) -> set[str]:
        """Return everything a request may call this node."""
        return {*self.addresses(), self.hostname, self.fqdn, "127.0.0.1", "localhost"} - {""}
