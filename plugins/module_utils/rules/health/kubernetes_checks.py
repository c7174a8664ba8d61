# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: what Kubernetes says about the cluster.

Source: siderolabs/talos:pkg/cluster/check/kubernetes.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.kubernetes_answers import (
    NO_KUBECONFIG,
    asked,
    ours,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    KubernetesObservation,
    NodeObservation,
    Observation,
    Pod,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
    on_nodes,
    verdict,
)

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def kubernetes_api(observation: Observation) -> Verdict:
    """The Kubernetes API answers."""
    if observation.kubernetes is None:
        return Verdict(not_run=NO_KUBECONFIG)
    error = observation.kubernetes.error
    return verdict([Problem(error)] if error else [], "the Kubernetes API answers")


def kubernetes_nodes_reported(observation: Observation) -> Verdict:
    """Kubernetes knows exactly the nodes of the inventory, by their addresses."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        expected = {node.expected.address: node.name for node in observation.nodes}
        found = {address: node.name for node in kubernetes.nodes for address in node.addresses}
        for address in sorted(expected.keys() - found.keys()):
            yield Problem(
                f"can't find expected node with IPs [{address}]", expected[address], fix="look at its kubelet"
            )
        for node in kubernetes.nodes:
            if not set(node.addresses) & expected.keys():
                yield Problem(
                    f"unexpected node {node.name} with IPs [{' '.join(node.addresses)}]",
                    fix="add it to the inventory, or delete the node from Kubernetes",
                )

    return asked(observation, judge, f"{count(len(observation.nodes), 'node')} known to Kubernetes")


def static_pods_running(observation: Observation) -> Verdict:
    """The static pods of every control plane run, as their node reports."""

    def judge(node: NodeObservation) -> Iterator[Problem]:
        found = {
            component: pod
            for component in COMPONENTS
            for pod in node.static_pods
            if pod.name.startswith(f"{component}-")
        }
        missing = [name for name in COMPONENTS if name not in found]
        if missing:
            yield Problem(f"missing static pods on node {node.name}: [{' '.join(missing)}]", node.name)
        for name in COMPONENTS:
            pod = found.get(name)
            if pod and not pod.ready:
                yield Problem(f"static pod {name} is not ready: phase {pod.phase}", node.name, name)

    planes = observation.control_planes
    return verdict(on_nodes(planes, judge), f"static pods run on {count(len(planes), 'control plane')}")


def control_plane_components_ready(observation: Observation) -> Verdict:
    """Kubernetes reports every control plane component as ready, one pod on each control plane."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        for component in COMPONENTS:
            pods = [pod for pod in kubernetes.pods if pod.name == f"{component}-{pod.node}"]
            yield from _pod_problems(component, pods, len(observation.control_planes))

    return asked(observation, judge, f"{count(len(COMPONENTS), 'component')} ready")


def kubernetes_nodes_ready(observation: Observation) -> Verdict:
    """Every node is ready."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        for node in ours(observation, kubernetes):
            if not node.ready:
                reason = f": {node.reason}" if node.reason else ""
                yield Problem(f"some nodes are not ready: [{node.name}]{reason}", node.name, fix="look at its kubelet")

    return asked(observation, judge, f"{count(len(observation.nodes), 'node')} ready")


def kube_proxy_ready(observation: Observation) -> Verdict:
    """kube-proxy runs on every node, unless the cluster has none."""
    return _workload_ready(observation, "kube-proxy", "kube-proxy", lambda answer: answer.daemon_sets)


def coredns_ready(observation: Observation) -> Verdict:
    """CoreDNS runs, unless the cluster has none."""
    return _workload_ready(observation, "coredns", "kube-dns", lambda answer: answer.deployments)


def kubernetes_nodes_schedulable(observation: Observation) -> Verdict:
    """Pods can be placed on every node."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        for node in ours(observation, kubernetes):
            if not node.schedulable:
                yield Problem(
                    f"some nodes are not schedulable: [{node.name}]", node.name, fix=f"kubectl uncordon {node.name}"
                )

    return asked(observation, judge, f"{count(len(observation.nodes), 'node')} schedulable")


def _workload_ready(
    observation: Observation, name: str, app: str, wanted: Callable[[KubernetesObservation], Mapping[str, int]]
) -> Verdict:
    """Judge whether a workload of the system has all its pods.

    One that is absent is skipped, unless the definition of the cluster has Talos deploy it.

    :param app: label ``k8s-app`` of its pods.
    :param wanted: gives the wanted numbers of pods by name of workload.
    """
    kubernetes = observation.kubernetes
    if kubernetes and not kubernetes.error and name not in wanted(kubernetes):
        if name not in (observation.workloads or ()):
            return Verdict(skipped=f"the cluster has no {name}")
        remedy = "look for it in the log of a control plane: talosctl dmesg"
        return Verdict((Problem(f"the cluster has no {name}, which its definition does not disable", fix=remedy),))

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        pods = [pod for pod in kubernetes.pods if pod.app == app]
        if any(pod.ready for pod in pods):
            yield from _pod_problems(name, pods, wanted(kubernetes).get(name, 0))
        else:
            yield Problem(f'no ready pods found for namespace "kube-system" and label selector "k8s-app={app}"')

    return asked(observation, judge, f"{name} ready")


def _pod_problems(component: str, pods: list[Pod], expected: int) -> Iterator[Problem]:
    if len(pods) != expected:
        yield Problem(f"expected number of pods for {component} to be {expected}, got {len(pods)}", path=component)
    waiting = sorted(pod.name for pod in pods if not pod.ready)
    if waiting:
        yield Problem(f"some pods are not ready for {component}: [{' '.join(waiting)}]", path=component)
