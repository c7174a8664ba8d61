# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a cluster at one moment: the only input of the health checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExpectedNode:
    """A node as the inventory declares it.

    :ivar extensions: names of the system extensions of its image; None when it is not declared.
    :ivar extension_services: names of the services that must run, without ``ext-``.
    :ivar talos_version: version it shall run, such as ``v1.13.9``; empty when it is not declared.
    """

    name: str
    address: str
    machine_type: str = "worker"
    role: str = "compute"
    extensions: tuple[str, ...] | None = None
    extension_services: tuple[str, ...] = ()
    talos_version: str = ""

    @property
    def is_controlplane(self) -> bool:
        """Whether the node is a control plane."""
        return self.machine_type == "controlplane"


@dataclass(frozen=True)
class Service:
    """A service of a node.

    :ivar state: such as ``Running`` or ``Waiting``.
    :ivar healthy: None when the service has no health check or was not checked yet.
    :ivar message: text of its last event or of its health check.
    :ivar note: what it says about being a stand-in for something else, empty when it says nothing.
    """

    id: str
    state: str
    healthy: bool | None = None
    message: str = ""
    note: str = ""


@dataclass(frozen=True)
class EtcdMember:
    """A member of etcd as one node knows it."""

    hostname: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class StaticPod:
    """A static pod as its node reports it; ``name`` ends with that of the node, as in ``kube-scheduler-cp1``."""

    name: str
    phase: str
    ready: bool


@dataclass(frozen=True)
class KubePrism:
    """The balancer of a node over the API servers.

    :ivar host: where it listens, such as ``127.0.0.1:7445``.
    :ivar healthy: whether it reaches an API server; None when it is enabled and does not say.
    :ivar endpoints: the API servers it knows, ``host:port`` each.
    """

    host: str
    healthy: bool | None
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeObservation:
    """One node.

    :ivar error: why it could not be asked, empty when it could; then nothing below means anything.
    :ivar unmet: unmet conditions of its stage, ``name: reason`` each.
    :ivar sees_itself_ready: whether it sees its Node object Ready; None when it does not see the object.
    :ivar extensions: names of the extensions it runs.
    :ivar members: etcd members as it knows them; None when it could not say, ``members_error`` tells why.
    :ivar memory_kib: physical memory in KiB, None when unknown.
    :ivar ephemeral_bytes: size of the EPHEMERAL partition in bytes, None when it has none of its own.
    :ivar diagnostics: warnings of the node about itself.
    :ivar kubeprism: its balancer over the API servers; None when it has none enabled.
    """

    expected: ExpectedNode
    error: str = ""
    version: str = ""
    stage: str = ""
    ready: bool = False
    unmet: tuple[str, ...] = ()
    sees_itself_ready: bool | None = None
    services: Mapping[str, Service] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    members: tuple[EtcdMember, ...] | None = None
    members_error: str = ""
    memory_kib: int | None = None
    ephemeral_bytes: int | None = None
    diagnostics: tuple[str, ...] = ()
    static_pods: tuple[StaticPod, ...] = ()
    kubeprism: KubePrism | None = None

    @property
    def name(self) -> str:
        """Inventory name of the node."""
        return self.expected.name

    @property
    def clocks(self) -> str:
        """The three clocks of its boot in words; one can stand still while the others go on."""
        kubernetes = {True: "Ready", False: "not Ready", None: "Ready not known"}[self.sees_itself_ready]
        return f"stage {self.stage}, machine {'ready' if self.ready else 'not ready'}, Kubernetes {kubernetes}"


@dataclass(frozen=True)
class KubernetesNode:
    """A node as Kubernetes knows it.

    :ivar addresses: its internal addresses.
    :ivar reason: why it is not ready.
    """

    name: str
    addresses: tuple[str, ...]
    ready: bool
    schedulable: bool
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RuntimeClass:
    """A RuntimeClass: what pods that name it are run by, and on which nodes."""

    handler: str
    node_selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pod:
    """A pod.

    :ivar app: value of its label ``k8s-app``, empty when it has none.
    :ivar health_error: why its health port did not say that it is well, empty when it did; None when it was not asked.
    """

    namespace: str
    name: str
    node: str
    app: str
    ready: bool
    addresses: tuple[str, ...] = ()
    health_error: str | None = None

    def __str__(self) -> str:
        where = f" ({', '.join(self.addresses)})" if self.addresses else ""
        return f"pod {self.namespace}/{self.name}{where} on node {self.node}"


@dataclass(frozen=True)
class ClusterService:
    """A Service of Kubernetes.

    :ivar name: with its namespace, such as ``kube-system/kube-dns``.
    :ivar addresses: its own.
    :ivar endpoints: addresses of those behind it that are ready.
    """

    name: str
    addresses: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Service {self.name} ({', '.join(self.addresses) or 'no address'})"


@dataclass(frozen=True)
class KubernetesObservation:
    """What the Kubernetes API says.

    :ivar error: why it could not be asked, empty when it could.
    :ivar pods: of the namespace ``kube-system``.
    :ivar daemon_sets: name -> wanted number of pods, of the namespace ``kube-system``; ``deployments`` likewise.
    :ivar services: by name, those that everything relies on; one that does not exist is left out.
    :ivar runtime_classes: by name.
    """

    error: str = ""
    nodes: tuple[KubernetesNode, ...] = ()
    pods: tuple[Pod, ...] = ()
    daemon_sets: Mapping[str, int] = field(default_factory=dict)
    deployments: Mapping[str, int] = field(default_factory=dict)
    services: Mapping[str, ClusterService] = field(default_factory=dict)
    runtime_classes: Mapping[str, RuntimeClass] = field(default_factory=dict)


@dataclass(frozen=True)
class PairTraffic:
    """What came of sending from one node to another.

    :ivar source: name of the sending node, ``target`` of the receiving one.
    :ivar observed: what was seen.
    """

    source: str
    target: str
    ok: bool
    observed: str = ""


@dataclass(frozen=True)
class Observation:
    """A cluster at one moment.

    :ivar control_plane_addresses: of all control planes the inventory declares, also those not observed.
    :ivar kubernetes: None when there is no way to ask Kubernetes.
    :ivar pairs: None when no traffic between nodes was tried.
    :ivar workloads: names of the workloads of the system that the definition of the cluster has Talos deploy; None
        when there is no definition.
    """

    nodes: tuple[NodeObservation, ...]
    control_plane_addresses: tuple[str, ...] = ()
    kubernetes: KubernetesObservation | None = None
    pairs: tuple[PairTraffic, ...] | None = None
    workloads: frozenset[str] | None = None

    @property
    def control_planes(self) -> tuple[NodeObservation, ...]:
        """The observed control planes."""
        return tuple(node for node in self.nodes if node.expected.is_controlplane)

    @property
    def workers(self) -> tuple[NodeObservation, ...]:
        """The observed workers."""
        return tuple(node for node in self.nodes if not node.expected.is_controlplane)
