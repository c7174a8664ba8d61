# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each health check passes on the healthy cluster and fails alone on the cluster spoiled for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.catalogue import (
    CHECK_IDS,
    CHECKS,
    LAYERS,
    UnknownCheck,
    select,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.evaluation import (
    awaited,
    evaluate,
    is_healthy,
    summary,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.from_readings import node_observation
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import (
    ClusterService,
    EtcdMember,
    KubePrism,
    Observation,
    PairTraffic,
    Pod,
    RuntimeClass,
    Service,
    StaticPod,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.health.stand_ins import StandIn, stand_ins
from ansible_collections.homelab.talos.plugins.module_utils.spin.names import NODE_LABEL, RUNTIME_CLASS
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.rules.health.healthy_cluster import (
    HEALTHY,
    KUBERNETES,
    MEMBERS,
    NODES,
    PAIRS,
    node,
    spoil,
    spoil_kubernetes,
    spoil_kubernetes_node,
    spoil_service,
)


def pods_without(name: str) -> tuple[Pod, ...]:
    return tuple(pod for pod in KUBERNETES.pods if pod.name != name)


def pods_not_ready(name: str) -> tuple[Pod, ...]:
    return tuple(replace(pod, ready=False) if pod.name == name else pod for pod in KUBERNETES.pods)


def unhealthy(name: str, error: str) -> tuple[Pod, ...]:
    return tuple(replace(pod, health_error=error) if pod.name == name else pod for pod in KUBERNETES.pods)


def services(changed: str, **changes: Any) -> dict[str, ClusterService]:
    return {**KUBERNETES.services, changed: replace(KUBERNETES.services[changed], **changes)}


def services_without(name: str) -> dict[str, ClusterService]:
    return {each: service for each, service in KUBERNETES.services.items() if each != name}


def two_clusters() -> Observation:
    """Return a cluster with a second control plane whose etcd knows only itself."""
    second = replace(node("cp2", "198.18.1.14", "controlplane"), members=(EtcdMember("cp2", ("198.18.1.14",)),))
    names = [item.name for item in (*NODES, second)]
    reported = replace(KUBERNETES.nodes[0], name="cp2", addresses=("198.18.1.14",))
    pods = tuple(
        replace(pod, name=pod.name.replace("cp1", "cp2"), node="cp2") for pod in KUBERNETES.pods if pod.node == "cp1"
    )
    return Observation(
        (*NODES, second),
        ("198.18.1.11", "198.18.1.14"),
        replace(
            KUBERNETES,
            nodes=(*KUBERNETES.nodes, reported),
            pods=(*KUBERNETES.pods, *pods),
            daemon_sets={"kube-proxy": 5},
            services=services("default/kubernetes", endpoints=("198.18.1.11", "198.18.1.14")),
        ),
        tuple(PairTraffic(a, b, True) for a in names for b in names if a != b),
    )


TWO_CLUSTERS = two_clusters()
STRANGER = EtcdMember("stranger", ("10.9.9.9",))

# id of the check that must fail, how the cluster is spoiled, host, part of the message
SPOILED: list[tuple[str, Observation, str, str]] = [
    ("apid-ready", spoil("w1", error="198.18.1.12:50000: connection refused"), "w1", "error getting version: 198.18"),
    ("node-booted", spoil("w1", stage="maintenance"), "w1", "stage is maintenance, expected booting or running"),
    ("memory-sizes", spoil("cp1", memory_kib=1500 * 1024), "cp1", "expected at least 1698 MiB, actual 1500 MiB"),
    ("disk-sizes", spoil("w2", ephemeral_bytes=1024**3), "w2", "ephemeral partition is too small"),
    (
        "pair-traffic",
        replace(HEALTHY, pairs=(PairTraffic("w1", "w2", False, "100% packet loss"), *PAIRS)),
        "w1",
        "does not reach w2: 100% packet loss",
    ),
    ("pair-traffic", replace(HEALTHY, pairs=PAIRS[1:]), "cp1", "was not tried with w1"),
    (
        "kubelet-healthy",
        spoil_service("cp1", Service("kubelet", "Preparing", None, "Running pre state")),
        "cp1",
        'service "kubelet" not in expected state "Running": current state [Preparing] Running pre state',
    ),
    (
        "kubelet-healthy-workers",
        spoil_service("gw1", Service("kubelet", "Running", False, "connection refused")),
        "gw1",
        "service is not healthy: kubelet: connection refused",
    ),
    (
        "kubelet-healthy-workers",
        spoil_service("w1", None, "kubelet"),
        "w1",
        'no events recorded yet for service "kubelet"',
    ),
    ("extensions-present", spoil("w1", extensions=("spin",)), "w1", "extension drbd is missing"),
    (
        "extensions-present",
        spoil("w1", extensions=("drbd", "spin", "tailscale")),
        "w1",
        "extension tailscale is not declared for role compute",
    ),
    (
        "talos-version",
        spoil("w1", version="v1.13.1"),
        "w1",
        "the node runs Talos v1.13.1, the inventory declares v1.13.9",
    ),
    (
        "talos-version",
        spoil("w1", version="v1.9.0"),
        "w1",
        "host version 1.9.0 is too old to upgrade to Talos 1.13.9",
    ),
    ("talos-version", spoil("w1", version="x"), "w1", "'x' is not a full version"),
    (
        "extension-services-running",
        spoil_service("gw1", Service("ext-tailscale", "Waiting", None, "Waiting for extension service config")),
        "gw1",
        "service ext-tailscale is Waiting: Waiting for extension service config",
    ),
    (
        "extension-services-running",
        spoil_service("gw1", Service("ext-tailscale", "Finished", None, "Service finished successfully")),
        "gw1",
        "service ext-tailscale is Finished: Service finished successfully",
    ),
    (
        "extension-services-running",
        spoil_service("gw1", None, "ext-tailscale"),
        "gw1",
        "service ext-tailscale does not exist",
    ),
    (
        "diagnostics-absent",
        spoil("w1", diagnostics=("address overlaps",)),
        "w1",
        "active diagnostics: address overlaps",
    ),
    (
        "etcd-healthy",
        spoil_service("cp1", Service("etcd", "Preparing", None, "waiting to join")),
        "cp1",
        'service "etcd" not in expected state "Running": current state [Preparing] waiting to join',
    ),
    (
        "etcd-members-consistent",
        TWO_CLUSTERS,
        "cp2",
        "expected to have [198.18.1.11] members, got [198.18.1.14]",
    ),
    ("etcd-members-consistent", spoil("cp1", members=None, members_error="timeout"), "cp1", "cannot list etcd members"),
    (
        "etcd-members-control-planes",
        spoil("cp1", members=(*MEMBERS, STRANGER)),
        "cp1",
        "etcd member ips [10.9.9.9 198.18.1.11] are not subset of control plane node ips [198.18.1.11]",
    ),
    (
        "boot-finished",
        spoil("w1", stage="booting", unmet=("services: cri not healthy",)),
        "w1",
        "nodes are not running: booting (services: cri not healthy)",
    ),
    (
        "static-pods-running",
        spoil("cp1", static_pods=(StaticPod("kube-apiserver-cp1", "Running", True),)),
        "cp1",
        "missing static pods on node cp1: [kube-controller-manager kube-scheduler]",
    ),
    (
        "static-pods-running",
        spoil(
            "cp1",
            static_pods=(*NODES[0].static_pods[:2], StaticPod("kube-scheduler-cp1", "Pending", False)),
        ),
        "cp1",
        "static pod kube-scheduler is not ready: phase Pending",
    ),
    (
        "kubeprism-healthy",
        spoil("w1", kubeprism=KubePrism("127.0.0.1:7445", False, ("198.18.1.11:6443", "10.0.0.9:6443"))),
        "w1",
        "KubePrism at 127.0.0.1:7445 reaches none of its API servers (198.18.1.11:6443, 10.0.0.9:6443)",
    ),
    (
        "kubeprism-healthy",
        spoil("gw1", kubeprism=KubePrism("127.0.0.1:7445", None)),
        "gw1",
        "KubePrism at 127.0.0.1:7445 is enabled and does not run (none known)",
    ),
    ("kubernetes-api", spoil_kubernetes(error="GET /api/v1/nodes at https://x failed"), "", "GET /api/v1/nodes at"),
    (
        "kubernetes-nodes-reported",
        spoil_kubernetes(nodes=KUBERNETES.nodes[:-1]),
        "gw1",
        "can't find expected node with IPs [198.18.1.21]",
    ),
    (
        "kubernetes-nodes-reported",
        spoil_kubernetes(nodes=(*KUBERNETES.nodes, replace(KUBERNETES.nodes[0], name="x", addresses=("10.0.0.9",)))),
        "",
        "unexpected node x with IPs [10.0.0.9]",
    ),
    (
        "control-plane-components-ready",
        spoil_kubernetes(pods=pods_without("kube-scheduler-cp1")),
        "",
        "expected number of pods for kube-scheduler to be 1, got 0",
    ),
    (
        "control-plane-components-ready",
        spoil_kubernetes(pods=pods_not_ready("kube-apiserver-cp1")),
        "",
        "some pods are not ready for kube-apiserver: [kube-apiserver-cp1]",
    ),
    (
        "kubernetes-nodes-ready",
        spoil_kubernetes_node("w2", ready=False, reason="container runtime is down"),
        "w2",
        "some nodes are not ready: [w2]: container runtime is down",
    ),
    (
        "kubernetes-service-endpoints",
        spoil_kubernetes(services=services("default/kubernetes", endpoints=())),
        "cp1",
        "Service default/kubernetes (10.96.0.1) does not lead to control plane cp1 (198.18.1.11): it leads to nobody",
    ),
    (
        "kubernetes-service-endpoints",
        spoil_kubernetes(services=services("default/kubernetes", endpoints=("198.18.1.11", "198.18.1.99"))),
        "",
        "Service default/kubernetes (10.96.0.1) leads to 198.18.1.99, which is no control plane of the inventory",
    ),
    (
        "kubernetes-service-endpoints",
        spoil_kubernetes(services=services_without("default/kubernetes")),
        "",
        "Service default/kubernetes does not exist",
    ),
    (
        "kube-proxy-healthy",
        spoil_kubernetes(pods=unhealthy("kube-proxy-w2", "port 10256/healthz: connection refused")),
        "w2",
        "pod kube-system/kube-proxy-w2 (198.18.1.13) on node w2 is not healthy: port 10256/healthz: connection refused",
    ),
    (
        "kube-proxy-healthy",
        spoil_kubernetes(pods=pods_without("kube-proxy-gw1"), daemon_sets={"kube-proxy": 3}),
        "gw1",
        "node gw1 has no kube-proxy: service addresses do not work there",
    ),
    (
        "dns-service-endpoints",
        spoil_kubernetes(services=services("kube-system/kube-dns", endpoints=("10.244.1.2",))),
        "w2",
        "Service kube-system/kube-dns (10.96.0.10) does not lead to pod kube-system/coredns-b (10.244.2.2) on node w2:"
        " it leads to 10.244.1.2",
    ),
    (
        "dns-service-endpoints",
        spoil_kubernetes(
            services=services("kube-system/kube-dns", endpoints=("10.244.1.2", "10.244.2.2", "10.244.3.9"))
        ),
        "",
        "Service kube-system/kube-dns (10.96.0.10) leads to 10.244.3.9, which is no ready pod of CoreDNS",
    ),
    (
        "dns-service-endpoints",
        spoil_kubernetes(services=services("kube-system/kube-dns", addresses=())),
        "",
        "Service kube-system/kube-dns (no address) has no address of its own",
    ),
    (
        "dns-service-endpoints",
        spoil_kubernetes(services=services_without("kube-system/kube-dns")),
        "",
        "Service kube-system/kube-dns does not exist",
    ),
    (
        "coredns-answers",
        spoil_kubernetes(pods=unhealthy("coredns-a", "port 8181/ready: no answer within 10 s")),
        "w1",
        "pod kube-system/coredns-a (10.244.1.2) on node w1 is not healthy: port 8181/ready: no answer within 10 s",
    ),
    (
        "kube-proxy-ready",
        spoil_kubernetes(pods=pods_not_ready("kube-proxy-w1")),
        "",
        "some pods are not ready for kube-proxy: [kube-proxy-w1]",
    ),
    (
        "coredns-ready",
        spoil_kubernetes(pods=pods_without("coredns-b")),
        "",
        "expected number of pods for coredns to be 2, got 1",
    ),
    (
        "coredns-ready",
        spoil_kubernetes(
            pods=tuple(pod for pod in KUBERNETES.pods if pod.app != "kube-dns"),
            deployments={"coredns": 0},
        ),
        "",
        'no ready pods found for namespace "kube-system" and label selector "k8s-app=kube-dns"',
    ),
    (
        "kubernetes-nodes-schedulable",
        spoil_kubernetes_node("w1", schedulable=False),
        "w1",
        "some nodes are not schedulable: [w1]",
    ),
    ("spin-runtime", spoil_kubernetes(runtime_classes={}), "", "RuntimeClass wasmtime-spin-v2 does not exist"),
    (
        "spin-runtime",
        spoil_kubernetes(runtime_classes={RUNTIME_CLASS: RuntimeClass("spinn", {NODE_LABEL: "true"})}),
        "",
        "its handler is 'spinn', and the extension gives nodes the handler 'spin'",
    ),
    (
        "spin-runtime",
        spoil_kubernetes(runtime_classes={RUNTIME_CLASS: RuntimeClass("spin")}),
        "",
        "it does not select nodes by homelab.talos/spin",
    ),
    (
        "spin-runtime",
        spoil_kubernetes_node("w2", labels={}),
        "w2",
        "has the extension spin and lacks the label homelab.talos/spin",
    ),
]


def test_a_label_without_the_extension_is_seen() -> None:
    result = evaluate(spoil("w1", extensions=("drbd",)), select(("spin-runtime",)))[0]
    assert "carries the label homelab.talos/spin and lacks the extension spin" in result.message


def test_a_cluster_without_the_extension_has_no_runtime() -> None:
    nodes = tuple(replace(node, extensions=("drbd",)) for node in NODES)
    result = evaluate(replace(HEALTHY, nodes=nodes), select(("spin-runtime",)))[0]
    assert "no node runs the extension spin" in result.message


def test_the_healthy_cluster_passes_every_check() -> None:
    results = evaluate(HEALTHY)
    assert [result.id for result in results] == list(CHECK_IDS)
    assert {result.status for result in results} == {"ok"}
    assert is_healthy(results)
    assert awaited(results) == ""
    assert summary(results) == f"{len(CHECKS)} ok"


@pytest.mark.parametrize(("check", "observation", "host", "message"), SPOILED, ids=lambda value: str(value)[:30])
def test_exactly_the_check_fails(check: str, observation: Observation, host: str, message: str) -> None:
    results = evaluate(observation)
    failed = [result for result in results if result.status == "failed"]
    assert [result.id for result in failed] == [check]
    findings = [finding for finding in failed[0].findings if message in finding.message]
    assert [(finding.host, finding.severity, finding.id) for finding in findings] == [(host, "error", check)]
    assert not is_healthy(results)
    assert awaited(results).startswith(failed[0].message.partition(":")[0])


def test_every_check_has_a_spoiled_cluster() -> None:
    assert {check for check, *_rest in SPOILED} == set(CHECK_IDS)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_failed_layer_blocks_those_above(layer: str) -> None:
    spoiled = next(observation for check, observation, *_rest in SPOILED if select((check,))[0].layer == layer)
    for result in evaluate(spoiled):
        if result.layer > layer:
            assert (result.status, result.message) == ("blocked", f"blocked by {layer}")
        else:
            assert result.status != "blocked" or result.layer == layer


def test_a_check_waits_for_what_it_rests_on() -> None:
    results = {result.id: result for result in evaluate(spoil_kubernetes(error="refused"))}
    assert results["kubernetes-nodes-ready"].message == "blocked by kubernetes-api"
    assert results["boot-finished"].status == "ok"


def test_a_single_check_is_not_blocked_by_layers_nobody_asked_for() -> None:
    observation = spoil("w1", stage="maintenance")
    assert [result.status for result in evaluate(observation, select(("kubernetes-nodes-ready",)))] == ["ok"]


def test_a_dead_node_is_named_by_every_single_check() -> None:
    observation = spoil("gw1", error="no connection within 10 s")
    result = evaluate(observation, select(("extension-services-running",)))[0]
    assert result.status == "failed"
    assert "gw1: cannot be asked: no connection within 10 s" in result.message


def test_a_service_that_nobody_declared_may_be_done() -> None:
    observation = spoil_service("w1", Service("ext-usb-modeswitch", "Finished"))
    assert is_healthy(evaluate(observation, select(("extension-services-running",))))


def test_stand_ins_are_named() -> None:
    service = Service("ext-tailscale", "Running", note="stand-in: no tailscaled in this lab")
    observation = spoil_service("gw1", service)
    assert stand_ins(observation) == [StandIn("gw1", "ext-tailscale", "stand-in: no tailscaled in this lab")]
    result = evaluate(observation, select(("extension-services-running",)))[0]
    assert result.message == (
        "all extension services to run: OK, 1 extension service running,"
        " of these stand-ins: gw1 ext-tailscale (stand-in: no tailscaled in this lab)"
    )
    assert stand_ins(HEALTHY) == []


@pytest.mark.parametrize(
    ("message", "events", "note"),
    [
        ("", ["Started task ext-x [stand-in: no x in this lab]"], "stand-in: no x in this lab"),
        ("a stand-in for x", ["Started"], "a stand-in for x"),
        ("", ["Started task [stand-in: old]", "Started task ext-x"], ""),
        ("Health check successful", ["Started task ext-x"], ""),
    ],
)
def test_a_service_names_itself_a_stand_in(message: str, events: list[str], note: str) -> None:
    listed = [{"state": "Running", "message": event, "time": ""} for event in events]
    service = {"id": "ext-x", "state": "Running", "healthy": None, "message": message, "events": listed}
    found = node_observation(NODES[1].expected, {"services": [service]})
    assert found.services["ext-x"].note == note


def test_what_is_absent_although_it_is_declared_fails() -> None:
    absent = spoil_kubernetes(daemon_sets={}, deployments={}, pods=KUBERNETES.pods[:3])
    results = {r.id: r for r in evaluate(replace(absent, workloads=frozenset({"kube-proxy"})))}
    assert results["kube-proxy-ready"].status == "failed"
    assert "no kube-proxy, which its definition does not disable" in results["kube-proxy-ready"].message
    assert results["coredns-ready"].status == "skipped"


def test_what_is_absent_is_skipped_as_talos_does() -> None:
    observation = spoil_kubernetes(daemon_sets={}, deployments={}, pods=KUBERNETES.pods[:3])
    results = {result.id: result for result in evaluate(observation)}
    assert results["kube-proxy-ready"].status == "skipped"
    assert results["coredns-ready"].message == "coredns to report ready: SKIP, the cluster has no coredns"
    for check in ("kube-proxy-healthy", "dns-service-endpoints", "coredns-answers"):
        assert results[check].status == "skipped", check
    assert is_healthy(list(results.values()))


def test_without_kubeconfig_and_pairs_the_checks_are_not_run() -> None:
    results = {result.id: result for result in evaluate(replace(HEALTHY, kubernetes=None, pairs=None))}
    not_run = {identity for identity, result in results.items() if result.status == "not run"}
    assert not_run == {check.id for check in CHECKS if check.asks_kubernetes} | {"pair-traffic"}


def test_nodes_without_kubeprism_are_left_out() -> None:
    disabled = tuple(replace(each, kubeprism=None) for each in NODES)
    (result,) = evaluate(replace(HEALTHY, nodes=disabled), select(("kubeprism-healthy",)))
    assert (result.status, result.message.endswith("SKIP, no node has KubePrism enabled")) == ("skipped", True)
    (result,) = evaluate(replace(HEALTHY, nodes=(*disabled[:3], NODES[3])), select(("kubeprism-healthy",)))
    assert result.message.endswith("OK, KubePrism healthy on 1 node, disabled on cp1, w1, w2")
    silent = replace(disabled[3], error="no connection within 10 s")
    (result,) = evaluate(replace(HEALTHY, nodes=(*disabled[:3], silent)), select(("kubeprism-healthy",)))
    assert (result.status, result.findings[0].host) == ("failed", "gw1")


def test_control_planes_that_are_not_looked_at_are_no_strangers() -> None:
    both = services("default/kubernetes", endpoints=("198.18.1.11", "198.18.1.14"))
    kubernetes = replace(KUBERNETES, services=both)
    subset = replace(HEALTHY, control_plane_addresses=("198.18.1.11", "198.18.1.14"), kubernetes=kubernetes)
    (result,) = evaluate(subset, select(("kubernetes-service-endpoints",)))
    assert (result.status, result.message.partition("OK, ")[2]) == ("ok", "1 control plane behind default/kubernetes")
    unknown = Observation(NODES[1:], (), kubernetes)
    (result,) = evaluate(unknown, select(("kubernetes-service-endpoints",)))
    assert (result.status, "no control plane is declared" in result.message) == ("not run", True)


def test_one_control_plane_needs_no_worker() -> None:
    alone = node("cp1", "198.18.1.11", "controlplane")
    results = {result.id: result for result in evaluate(Observation((alone,), ("198.18.1.11",)))}
    assert results["kubelet-healthy-workers"].status == "skipped"


@pytest.mark.parametrize(
    ("checks", "layers", "message"),
    [
        (("etcd-helthy",), (), "check 'etcd-helthy' does not exist; choose from apid-ready"),
        ((), ("L5",), "layer 'L5' does not exist; choose from L1, L2, L3, L4"),
    ],
)
def test_unknown_wishes(checks: tuple[str, ...], layers: tuple[str, ...], message: str) -> None:
    with pytest.raises(UnknownCheck) as raised:
        select(checks, layers)
    assert str(raised.value).startswith(message)


def test_select_by_layer() -> None:
    assert {check.layer for check in select(layers=("L1", "L3"))} == {"L1", "L3"}


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"ready": True, "sees_itself_ready": True}, "stage booting, machine ready, Kubernetes Ready"),
        ({"ready": False, "sees_itself_ready": True}, "stage booting, machine not ready, Kubernetes Ready"),
        ({"ready": False, "sees_itself_ready": False}, "stage booting, machine not ready, Kubernetes not Ready"),
        ({"ready": False, "sees_itself_ready": None}, "stage booting, machine not ready, Kubernetes Ready not known"),
    ],
)
def test_a_boot_that_waits_is_told_apart_from_a_node_that_is_not_ready(seen: dict[str, Any], words: str) -> None:
    """Both where a service is judged and where the boot is, the three clocks and the service are named."""
    waiting = Service("ext-tailscale", "Waiting", None, "Waiting for extension service config")
    observation = spoil_service("gw1", waiting)
    nodes = tuple(replace(each, stage="booting", **seen) if each.name == "gw1" else each for each in observation.nodes)
    for check in ("extension-services-running", "boot-finished"):
        (result,) = evaluate(replace(observation, nodes=nodes), select((check,)))
        (finding,) = result.findings
        assert finding.host == "gw1"
        assert words in finding.message
        assert "ext-tailscale is Waiting: Waiting for extension service config" in finding.message
        assert "tailscale" in finding.fix
