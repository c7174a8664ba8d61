# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine without namespaces and programs that only pretend: the emulated node on loopback sockets."""

from __future__ import annotations

import asyncio
import itertools
import socket
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import (
    CORDONED,
    Command,
    CommandFailed,
    EtcdMember,
    EtcdStatus,
    Facts,
    Image,
    ImageError,
    KubernetesNode,
    NotReadyYet,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

_PIDS = itertools.count(1000)


@dataclass
class Wire:
    """Which loopback port stands for which (address, port) of a node."""

    ports: dict[tuple[str, int], int] = field(default_factory=dict)

    def connect(self, host: str, port: int, timeout: float = 5.0) -> socket.socket:
        """Return a socket connected to the node that has *host*."""
        if (host, port) not in self.ports:
            raise ConnectionRefusedError(111, f"connect to {host}:{port}: connection refused")
        return socket.create_connection(("127.0.0.1", self.ports[host, port]), timeout)


class FakeProcess:
    """A process that runs until somebody ends it."""

    def __init__(self, id: str, argv: Sequence[str]) -> None:
        self.id = id
        self.argv = list(argv)
        self.pid = next(_PIDS)
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    def end(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        return self.returncode or 0

    async def terminate(self, timeout: float = 10.0) -> None:
        self.end(-15)


class FakeRuntime:
    """Loopback sockets and processes that do nothing."""

    def __init__(self, name: str, address: str, directory: Path, wire: Wire) -> None:
        self.name = name
        self.address = address
        self.directory = directory
        self.boot_id = ""
        self.wire = wire
        self.powered = False
        self.processes: list[FakeProcess] = []
        self.commands: list[list[str]] = []
        self.announced: list[tuple[str, str]] = []

    async def power_on(self) -> None:
        self.boot_id = str(uuid.uuid4())
        self.powered = True
        for name in ("state", "meta", "var", "etc", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)

    async def power_off(self) -> None:
        self.powered = False
        for process in self.processes:
            process.end(-9)

    async def spawn(self, id: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> FakeProcess:
        process = FakeProcess(id, argv)
        self.processes.append(process)
        with (self.directory / "log" / f"{id}.log").open("a") as log:
            log.write(f"{id} started\n")
        return process

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        self.commands.append(list(argv))
        return 1, b"", b"no such program in this fake"

    async def stream(self, argv: Sequence[str]) -> AsyncGenerator[bytes, None]:
        self.commands.append(list(argv))
        yield b""
        raise CommandFailed(127, "no such program in this fake")

    def listen(self, host: str, port: int) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.wire.ports[self.address, port] = listening.getsockname()[1]
        return listening

    def connect(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        return self.wire.connect(host, port, timeout)

    async def dial(self, host: str, port: int) -> socket.socket:
        connection = await asyncio.to_thread(self.wire.connect, host, port)
        connection.setblocking(False)
        return connection

    def announce(self, link: str, address: str) -> None:
        self.announced.append((link, address))

    def running(self, id: str) -> list[FakeProcess]:
        return [each for each in self.processes if each.id == id and each.returncode is None]


@dataclass
class FakeProgram:
    """A program; ``problem`` is what its health check says, None when healthy."""

    id: str
    problem: str | None = None
    prepared: list[Facts] = field(default_factory=list)

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        self.prepared.append(facts)
        return Command((f"/usr/bin/{self.id}",))

    async def health(self, config: MachineConfig) -> str | None:
        return self.problem


@dataclass
class FakeEtcd(FakeProgram):
    """etcd: starts once bootstrapped, when it has data, or when another control plane has."""

    id: str = "etcd"
    data: Path = Path()
    joins: bool = False

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        if not facts.bootstrap and not (self.data / "member").is_dir() and not self.joins:
            raise NotReadyYet("waiting for bootstrap or another control plane")
        (self.data / "member").mkdir(parents=True, exist_ok=True)
        return await super().prepare(config, facts)


class FakeCampaign:
    """A candidacy that wins and ends when a test says so."""

    def __init__(self, election: str, name: str) -> None:
        self.election, self.name = election, name
        self.victory, self.end = asyncio.Event(), asyncio.Event()
        self.resigned = False

    async def won(self) -> None:
        await self.victory.wait()

    async def ended(self) -> None:
        await self.end.wait()

    async def resign(self) -> None:
        self.resigned = True


@dataclass
class FakeEtcdAccess:
    """Administration of the fake etcd."""

    rows: list[EtcdMember] = field(default_factory=lambda: [EtcdMember(0xA1, "cp1", ("https://cp1:2380",), ())])
    removed: list[int] = field(default_factory=list)
    is_learner: bool = False
    promoted: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    campaigns: list[FakeCampaign] = field(default_factory=list)

    async def members(self) -> Sequence[EtcdMember]:
        return self.rows

    async def status(self) -> EtcdStatus:
        return EtcdStatus(0xA1, "3.6.12", "3.6.0", 4096, 2048, 0xA1, 10, 2, 10, is_learner=self.is_learner)

    async def snapshot(self) -> AsyncIterator[bytes]:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"snap"
            yield b"shot"

        return chunks()

    async def remove_member(self, member_id: int) -> None:
        self.removed.append(member_id)

    async def forfeit_leadership(self) -> str:
        return "b2"

    async def alarms(self) -> Sequence[tuple[int, str]]:
        return []

    async def disarm(self) -> Sequence[tuple[int, str]]:
        return []

    async def defragment(self) -> None:
        return None

    async def promote(self, member_id: int, endpoints: Sequence[str]) -> None:
        self.promoted.append((member_id, tuple(endpoints)))
        self.is_learner = False

    async def campaign(self, election: str, name: str) -> FakeCampaign:
        self.campaigns.append(FakeCampaign(election, name))
        return self.campaigns[-1]


@dataclass
class FakeControlPlane:
    """Static pods that exist as soon as they are prepared."""

    prepared: int = 0
    published: int = 0

    async def prepare(self, config: MachineConfig, facts: Facts) -> None:
        self.prepared += 1

    async def publish(self, config: MachineConfig, facts: Facts) -> None:
        self.published += 1

    async def withdraw(self) -> None:
        self.prepared = 0

    def static_pods(self, config: MachineConfig) -> Mapping[str, Mapping[str, Any]]:
        if not self.prepared:
            return {}
        return {"kube-apiserver": {"metadata": {"name": "kube-apiserver", "namespace": "kube-system"}}}

    def manifests(self, config: MachineConfig) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return {"10-kube-proxy": [{"kind": "DaemonSet", "metadata": {"name": "kube-proxy"}}]}

    def manifests_settings(self, config: MachineConfig) -> Mapping[str, Any]:
        return {"proxyEnabled": True, "cniName": "flannel"}


class FakeKubernetes:
    """A Kubernetes in which every node that asks is Ready."""

    def __init__(self, control_plane: FakeControlPlane) -> None:
        self._control_plane = control_plane
        self.available = True
        self.applied: list[str] = []
        self.drained: list[str] = []
        self.cordoned = False
        self.annotations: dict[str, str] = {}
        self.running: list[Mapping[str, Any]] = []
        self.system: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.kubelet_mute = False
        self.asked_for_pods = 0

    async def system_objects(self, resource: str, selector: str) -> Sequence[Mapping[str, Any]]:
        if not self.available:
            raise OSError("connection refused")
        return self.system.get((resource, selector), [])

    async def node(self, name: str) -> KubernetesNode | None:
        if not self.available:
            return None
        return KubernetesNode(name, True, self.cordoned, {"a": "b"}, dict(self.annotations))

    async def static_pod_statuses(self) -> Mapping[str, Mapping[str, Any]] | None:
        self.asked_for_pods += 1
        if self.kubelet_mute:
            return None
        if not self._control_plane.prepared:
            return {}
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        return {"kube-system/kube-apiserver-cp1": status}

    async def containers(self) -> Sequence[Mapping[str, Any]]:
        return self.running

    async def apply_node(self, config: MachineConfig, name: str) -> None:
        self.applied.append(name)

    async def drain(self, name: str, timeout: float) -> None:
        self.drained.append(name)
        if not self.cordoned:
            self.annotations[CORDONED] = "true"
        self.cordoned = True

    async def uncordon(self, name: str) -> None:
        self.annotations.pop(CORDONED, None)
        self.cordoned = False


class FakeImages:
    """A container runtime that pulls what its registry has."""

    def __init__(self) -> None:
        self.kept = {"registry.test/pause:3.10": Image("registry.test/pause:3.10", "sha256:aa", 100)}
        self.registry = {"registry.test/web:1": Image("registry.test/web:1", "sha256:bb", 200, {"a": "b"})}

    async def list(self) -> Sequence[Image]:
        return [self.kept[name] for name in sorted(self.kept)]

    async def pull(self, reference: str) -> None:
        if reference not in self.registry:
            raise ImageError(f"{reference}: not found", missing=True)
        self.kept[reference] = self.registry[reference]

    async def remove(self, reference: str) -> None:
        if reference not in self.kept:
            raise ImageError("no such image", missing=True)
        del self.kept[reference]


class FakePrograms:
    """The programs of one node."""

    def __init__(self, directory: Path) -> None:
        self.cri = FakeProgram("cri")
        self.kubelet = FakeProgram("kubelet")
        self.etcd = FakeEtcd(data=directory / "var" / "lib" / "etcd")
        self.control_plane = FakeControlPlane()
        self.kubernetes = FakeKubernetes(self.control_plane)
        self.etcd_access = FakeEtcdAccess()
        self.images = FakeImages()
        self.extensions: dict[str, Any] = {}
