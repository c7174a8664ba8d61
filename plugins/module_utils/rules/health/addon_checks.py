# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L4: what makes service addresses and names work: the Services themselves, kube-proxy and CoreDNS.

They are judged by what the API server knows, and by the health ports of the pods, which it passes requests on to:
nothing runs on a node for that. Sources: kubernetes/kubernetes:pkg/controlplane/reconcilers (who is behind the Service
kubernetes), pkg/proxy/healthcheck/proxy_health.go; coredns/coredns:plugin/ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.kubernetes_answers import (
    asked,
    inventory_name,
    ours,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ClusterService,
    KubernetesObservation,
    Observation,
    Pod,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.verdict import (
    Problem,
    Verdict,
    count,
)

API_SERVICE = "default/kubernetes"
DNS_SERVICE = "kube-system/kube-dns"
PROXY_APP, DNS_APP = "kube-proxy", "kube-dns"


def kubernetes_service_endpoints(observation: Observation) -> Verdict:
    """Behind the Service ``kubernetes`` are exactly the control planes."""
    planes = {node.expected.address: node.name for node in observation.control_planes}
    known = planes.keys() | set(observation.control_plane_addresses)
    if not known:
        return Verdict(not_run="no control plane is declared")

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        service = kubernetes.services.get(API_SERVICE)
        if service is None:
            yield _missing(API_SERVICE, "look at the log of the API server: it creates this Service")
            return
        for address in sorted(planes.keys() - set(service.endpoints)):
            yield Problem(
                f"{service} does not lead to control plane {planes[address]} ({address}): {_leads_to(service)}",
                planes[address],
                API_SERVICE,
                f"look at the log of kube-apiserver on {planes[address]}: it registers its own address",
            )
        for address in sorted(set(service.endpoints) - known):
            yield Problem(
                f"{service} leads to {address}, which is no control plane of the inventory",
                path=API_SERVICE,
                fix="add that control plane to the inventory, or stop its API server",
            )

    return asked(observation, judge, f"{count(len(planes), 'control plane')} behind {API_SERVICE}")


def dns_service_endpoints(observation: Observation) -> Verdict:
    """Behind the Service of the cluster's DNS are exactly the pods of CoreDNS that are ready."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        service = kubernetes.services.get(DNS_SERVICE)
        if service is None:
            yield _missing(DNS_SERVICE, "look for it in the log of a control plane: talosctl dmesg")
            return
        remedy = "compare the selector of the Service with the labels of the pods of CoreDNS"
        if not service.addresses:
            yield Problem(f"{service} has no address of its own", path=DNS_SERVICE, fix="create it anew as Talos does")
        pods = [pod for pod in kubernetes.pods if pod.app == DNS_APP and pod.ready]
        for pod in pods:
            if not set(pod.addresses) & set(service.endpoints):
                yield Problem(
                    f"{service} does not lead to {pod}: {_leads_to(service)}",
                    _name_of(observation, kubernetes, pod),
                    DNS_SERVICE,
                    remedy,
                )
        for address in sorted(set(service.endpoints) - {each for pod in pods for each in pod.addresses}):
            yield Problem(f"{service} leads to {address}, which is no ready pod of CoreDNS", "", DNS_SERVICE, remedy)

    return _of_workload(observation, "coredns", judge, f"{DNS_SERVICE} leads to every pod of CoreDNS")


def coredns_answers(observation: Observation) -> Verdict:
    """Every ready pod of CoreDNS tells the API server that all its parts are ready."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        pods = [pod for pod in kubernetes.pods if pod.app == DNS_APP]
        remedy = "look at its log, and at the pod network between its node and the control planes"
        yield from _silent(observation, kubernetes, pods, remedy)

    return _of_workload(observation, "coredns", judge, "every pod of CoreDNS answers")


def kube_proxy_healthy(observation: Observation) -> Verdict:
    """Every node has a kube-proxy, which says that it keeps the rules of its node up to date."""

    def judge(kubernetes: KubernetesObservation) -> Iterator[Problem]:
        pods = [pod for pod in kubernetes.pods if pod.app == PROXY_APP]
        served = {pod.node for pod in pods}
        for node in ours(observation, kubernetes):
            if node.name not in served:
                yield Problem(
                    f"node {node.name} has no kube-proxy: service addresses do not work there",
                    inventory_name(observation, node),
                    PROXY_APP,
                    "look at the events of daemon set kube-proxy: kubectl -n kube-system describe ds kube-proxy",
                )
        remedy = "look at its log: kubectl -n kube-system logs POD; service addresses may be outdated on that node"
        yield from _silent(observation, kubernetes, pods, remedy)

    return _of_workload(observation, "kube-proxy", judge, f"kube-proxy healthy on {_nodes(observation)}")


def _silent(
    observation: Observation, kubernetes: KubernetesObservation, pods: Iterable[Pod], remedy: str
) -> Iterator[Problem]:
    """Yield the pods that were asked for their health and did not say that they are well."""
    for pod in pods:
        if pod.health_error:
            host = _name_of(observation, kubernetes, pod)
            yield Problem(f"{pod} is not healthy: {pod.health_error}", host, pod.name, remedy.replace("POD", pod.name))


def _of_workload(
    observation: Observation,
    name: str,
    judge: Callable[[KubernetesObservation], Iterable[Problem]],
    observed: str,
) -> Verdict:
    """Judge what rests on a workload where the cluster has it; whether it shall have it is another check's business."""
    kubernetes = observation.kubernetes
    if kubernetes and not kubernetes.error and name not in {**kubernetes.daemon_sets, **kubernetes.deployments}:
        return Verdict(skipped=f"the cluster has no {name}")
    return asked(observation, judge, observed)


def _missing(service: str, remedy: str) -> Problem:
    return Problem(f"Service {service} does not exist", path=service, fix=remedy)


def _leads_to(service: ClusterService) -> str:
    return f"it leads to {', '.join(service.endpoints) or 'nobody'}"


def _name_of(observation: Observation, kubernetes: KubernetesObservation, pod: Pod) -> str:
    return next((inventory_name(observation, node) for node in kubernetes.nodes if node.name == pod.node), "")


def _nodes(observation: Observation) -> str:
    return count(len(observation.nodes), "node")
