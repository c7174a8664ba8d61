# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the emulated Talos needs from the lab around it.

The emulated node (:class:`~ansible_collections.homelab.talos.lab.machined.machine.Machine`) knows
nothing about namespaces, engines or where programs come from. Whatever runs it supplies objects of
the protocols below, one set per node. Tests supply fakes.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


class CommandFailed(Exception):
    """A command whose output was streamed ended with a status that is not 0; the text is its standard error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text or f"exit code {status}")
        self.status = status


class Process(Protocol):
    """A process of the node; standard output and error go to ``directory/log/<id>.log``."""

    @property
    def pid(self) -> int:
        """Process id as seen inside the node."""

    @property
    def returncode(self) -> int | None:
        """Exit status, None while the process runs."""

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit status."""

    async def terminate(self, timeout: float = 10.0) -> None:
        """Send SIGTERM, after *timeout* seconds SIGKILL; returns when the process is gone."""


class Runtime(Protocol):
    """The machine under the emulated Talos: namespaces, processes, sockets, persistent directory.

    ``directory`` outlives power-off: ``state`` is the STATE partition, ``meta`` the META partition,
    ``var`` is EPHEMERAL (``/var`` inside the node), ``etc`` holds the node's own files of ``/etc``
    (``/etc`` inside the node), ``log`` holds one file per process id. ``boot_id`` is what
    ``/proc/sys/kernel/random/boot_id`` shows inside the node and changes with every
    :meth:`power_on`.
    """

    name: str
    address: str
    directory: Path
    boot_id: str

    async def power_on(self) -> None:
        """Create what a powered machine has (namespaces, link with the lease address, new boot id)."""

    async def power_off(self) -> None:
        """Kill every process of the node at once; the persistent directory stays."""

    async def spawn(self, id: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Process:
        """Start *argv* inside the node."""

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        """Run *argv* inside the node to its end: exit status, standard output, standard error.

        Raises ``TimeoutError`` after *timeout* seconds (the process is killed) and
        ``FileNotFoundError`` when the program does not exist.
        """

    def stream(self, argv: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """Run *argv* inside the node and yield its standard output as it comes, in pieces of at most 64 KiB.

        The process ends with the iterator: closing it early kills the process. Raises :class:`CommandFailed`
        behind the last piece when the status is not 0.
        """

    def listen(self, host: str, port: int) -> socket.socket:
        """Return a bound, listening TCP socket that belongs to the node's network namespace."""

    def connect(self, host: str, port: int, timeout: float = 10.0) -> socket.socket:
        """Return a TCP socket connected from the node's network namespace.

        Called in a worker thread, may block up to *timeout* seconds. Raises ``OSError``.
        """

    async def dial(self, host: str, port: int) -> socket.socket:
        """Return a non-blocking TCP socket connected from the node's network namespace; *host* is an address.

        Occupies no thread while it waits; the caller sets the limit. Raises ``OSError``.
        """

    def announce(self, link: str, address: str) -> None:
        """Tell the network of *link* by gratuitous ARP that *address* (IPv4) is here now; raises ``OSError``."""


@dataclass(frozen=True)
class Command:
    """A program ready to be started inside the node."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class NotReadyYet(Exception):
    """Raised by :meth:`Program.prepare` while a precondition is missing; asked again one second later.

    The text is shown in the service's event (state Preparing), e.g.
    ``waiting for an etcd member to join``.
    """


@dataclass(frozen=True)
class Peer:
    """Another node of the same cluster, as discovery knows it."""

    name: str
    addresses: tuple[str, ...]
    machine_type: str


@dataclass(frozen=True)
class EtcdStart:
    """How a Bootstrap request wants a new etcd cluster: empty, or recovered from the snapshot that was uploaded."""

    recover: bool = False
    skip_hash_check: bool = False


@dataclass(frozen=True)
class Facts:
    """What a program may need to know beyond the machine configuration.

    ``bootstrap`` is given only for the one start of etcd that a Bootstrap request asked for.
    ``peers`` are the other members known to discovery (all machine types). ``extensions`` are the names of those in
    the node's image.
    """

    hostname: str
    address: str
    machine_type: str
    bootstrap: EtcdStart | None = None
    peers: tuple[Peer, ...] = ()
    extensions: tuple[str, ...] = ()

    @property
    def control_planes(self) -> tuple[Peer, ...]:
        """The other control planes of the cluster."""
        return tuple(peer for peer in self.peers if peer.machine_type == "controlplane")


class Program(Protocol):
    """One real program that runs as a Talos service (cri, kubelet, etcd)."""

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        """Write the program's files into the node and return the command.

        Raises :class:`NotReadyYet` to be asked again, any other exception to fail the service.
        """

    async def health(self, config: MachineConfig) -> str | None:
        """Return None when healthy, else what a Talos health check would say (one line)."""


class ExtensionProgram(Program, Protocol):
    """The real program of a system extension, which Talos runs in a container."""

    async def ended(self) -> None:
        """End what the end of the container would have ended; called when the program itself has ended."""


class ControlPlane(Protocol):
    """Static pods of a control plane: their files, and the objects Talos puts into the cluster."""

    async def prepare(self, config: MachineConfig, facts: Facts) -> None:
        """Write Kubernetes PKI and the static pod manifests; called each time etcd became healthy
        and after every applied configuration. Must be repeatable."""

    async def publish(self, config: MachineConfig, facts: Facts) -> None:
        """Apply bootstrap objects (RBAC, bootstrap token, inline manifests) through the API server.

        Called after :meth:`prepare` until it returns; raises :class:`NotReadyYet` while the API
        server does not answer. Must be repeatable.
        """

    async def withdraw(self) -> None:
        """Remove the static pod manifests (node leaves, reset)."""

    def static_pods(self, config: MachineConfig) -> Mapping[str, Mapping[str, Any]]:
        """Return static pod id (``kube-apiserver`` ...) -> the whole Pod object, empty before prepare."""

    def manifests(self, config: MachineConfig) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the name of each bootstrap manifest (``10-kube-proxy`` ...) -> its objects."""

    def manifests_settings(self, config: MachineConfig) -> Mapping[str, Any]:
        """Return what the bootstrap manifests are made from, as BootstrapManifestsConfig shows it."""


# Annotation of a Node that Talos cordoned, and nobody else.
# Source: siderolabs/talos:pkg/machinery/constants/constants.go (AnnotationCordonedKey).
CORDONED = "talos.dev/cordoned"


@dataclass(frozen=True)
class KubernetesNode:
    """The Node object of this machine, as the resource NodeStatus shows it."""

    name: str
    ready: bool
    unschedulable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_cidrs: tuple[str, ...] = ()


class Kubernetes(Protocol):
    """Read access to Kubernetes with this node's own credentials (kubelet's kubeconfig)."""

    async def node(self, name: str) -> KubernetesNode | None:
        """Return this machine's Node object, None while there is none or the API is not reachable."""

    async def static_pod_statuses(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return ``<namespace>/<pod name>`` -> Pod status of this node's static pods, from the kubelet.

        None while the kubelet does not answer.
        """

    async def system_objects(self, resource: str, selector: str) -> Sequence[Mapping[str, Any]]:
        """Return the objects in ``kube-system`` of ``pods``, ``daemonsets`` or ``deployments`` that a label
        selector finds, read as this control plane's administrator. Raises ``OSError`` with one line of text."""

    async def containers(self) -> Sequence[Mapping[str, Any]]:
        """Return the CRI containers of this node: keys namespace, pod, name, id, image, pid, status,
        log (path inside the node's directory tree, or None)."""

    async def apply_node(self, config: MachineConfig, name: str) -> None:
        """Bring labels, annotations and taints of the Node object to what the configuration says.

        Called once the Node exists and after every applied configuration; returns quietly when the
        API is not reachable. Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/node_apply.go.
        """

    async def drain(self, name: str, timeout: float) -> None:
        """Cordon the node and evict its pods; returns quietly when the API is not reachable.

        A node that was not cordoned before gets the annotation :data:`CORDONED`.
        """

    async def uncordon(self, name: str) -> None:
        """Make a node schedulable again that :meth:`drain` cordoned, and take the annotation away.

        Returns quietly when the API is not reachable.
        """


@dataclass(frozen=True)
class EtcdMember:
    """One row of ``etcdctl member list``."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False


@dataclass(frozen=True)
class EtcdStatus:
    """One row of ``etcdctl endpoint status`` (sizes in bytes)."""

    member_id: int
    version: str
    storage_version: str
    db_size: int
    db_size_in_use: int
    leader: int
    raft_index: int
    raft_term: int
    raft_applied_index: int
    errors: tuple[str, ...] = ()
    is_learner: bool = False


class Campaign(Protocol):
    """A candidate in an election of etcd, and the leader once it has won."""

    async def won(self) -> None:
        """Wait until this candidate leads; raises :class:`EtcdError` when it cannot any more."""

    async def ended(self) -> None:
        """Wait until the candidacy or leadership ends by itself, for example because its session expired."""

    async def resign(self) -> None:
        """Give up; somebody else may lead at once."""


class EtcdAccess(Protocol):
    """Administration of etcd with this node's etcd certificates. Every call may raise ``OSError`` or
    :class:`EtcdError` with one line of text."""

    async def members(self) -> Sequence[EtcdMember]:
        """Return the member list."""

    async def status(self) -> EtcdStatus:
        """Return the status of the local member."""

    async def snapshot(self) -> AsyncIterator[bytes]:
        """Return an iterator over the bytes of a snapshot (etcd snapshot format)."""

    async def remove_member(self, member_id: int) -> None:
        """Remove a member; raises :class:`EtcdError` with code ``NotFound`` for an unknown id."""

    async def forfeit_leadership(self) -> str:
        """Move leadership away; return the id of the new leader or "" when this is not the leader."""

    async def alarms(self) -> Sequence[tuple[int, str]]:
        """Return (member id, ``NOSPACE``|``CORRUPT``) for each alarm."""

    async def disarm(self) -> Sequence[tuple[int, str]]:
        """Disarm all alarms and return them."""

    async def defragment(self) -> None:
        """Defragment the local member."""

    async def promote(self, member_id: int, endpoints: Sequence[str]) -> None:
        """Make a learner a voting member; *endpoints* are client URLs of voting members."""

    async def campaign(self, election: str, name: str) -> Campaign:
        """Enter *election* as *name*; an earlier leadership of the same name ends first."""


class EtcdError(Exception):
    """etcd refused; ``code`` is a gRPC status name such as ``NotFound``."""

    def __init__(self, text: str, code: str = "Unknown") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Image:
    """An image of the container runtime: its reference, digest of its target, size in bytes, labels."""

    name: str
    digest: str
    size: int
    labels: Mapping[str, str] = field(default_factory=dict)


class ImageError(Exception):
    """The container runtime refused; ``missing`` tells whether there is no such image."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class Images(Protocol):
    """Images of pods. Every call may raise :class:`ImageError` with one line of text."""

    async def list(self) -> Sequence[Image]:
        """Return the images of the node, sorted by name."""

    async def pull(self, reference: str) -> None:
        """Pull an image through the mirrors of the machine configuration."""

    async def remove(self, reference: str) -> None:
        """Forget an image."""


class Programs(Protocol):
    """The real programs of one node."""

    @property
    def cri(self) -> Program:
        """The container runtime."""

    @property
    def kubelet(self) -> Program:
        """The kubelet."""

    @property
    def etcd(self) -> Program:
        """etcd; only started on control planes."""

    @property
    def control_plane(self) -> ControlPlane:
        """Static pods and bootstrap objects."""

    @property
    def kubernetes(self) -> Kubernetes:
        """Read access to Kubernetes."""

    @property
    def etcd_access(self) -> EtcdAccess:
        """Administration of etcd."""

    @property
    def images(self) -> Images:
        """Images of the container runtime."""

    @property
    def extensions(self) -> Mapping[str, ExtensionProgram]:
        """Service of an extension, without ``ext-`` -> its program; for others a stand-in runs."""


class Clock(Protocol):
    """Lab time. Real time plus whatever the lab skipped; limits of Talos run on it."""

    def now(self) -> datetime:
        """Return the current lab time (UTC, aware)."""

    def monotonic(self) -> float:
        """Return seconds of lab time from an arbitrary start."""

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds* of lab time."""
