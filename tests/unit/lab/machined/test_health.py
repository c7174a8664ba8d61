# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""talosctl health, answered by a control plane."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.checked_cluster import SKIP, Cluster, Unanswered
from ansible_collections.homelab.talos.lab.machined.health_checks import CHECKS
from ansible_collections.homelab.talos.lab.machined.kubernetes_health import coredns, kube_proxy
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .fakes import FakeControlPlane, FakeKubernetes
from .home import LIMIT_SECONDS, VARIANT, Home, control_plane, play, stage, until, worker

PATH = "cluster.ClusterService/HealthCheck"


async def _health(lab: Home, seconds: int, address: str = "198.18.9.11", **info: Any) -> list[str]:
    request = message("cluster.HealthCheckRequest")(cluster_info=info)
    request.wait_timeout.FromSeconds(seconds)
    lines: list[str] = []
    async with lab.client(address, "os:reader") as client:
        try:
            async for progress in client.stream(PATH, request, timeout=LIMIT_SECONDS):
                lines.append(progress.message)
        except TalosError as error:
            lines.append(f"{error.code}: {error.cause}")
    return lines


def test_healthy_cluster(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        control = await control_plane(lab)
        lab.programs["cp1"].etcd_access.rows[0] = (
            lab.programs["cp1"].etcd_access.rows[0].__class__(0xA1, "cp1", ("https://198.18.9.11:2380",), ())
        )
        await stage(await worker(lab), "running")
        await until(lambda: len(control.node.peers()) == 1, "worker known")
        lines = await _health(lab, 1200)
        assert lines[0] == 'discovered nodes: ["198.18.9.11" "198.18.9.21"]'
        verdicts = [f"waiting for {name}: OK" for name, _check in CHECKS]
        verdicts[13:15] = ["waiting for kube-proxy to report ready: SKIP", "waiting for coredns to report ready: SKIP"]
        assert [line for line in lines if line.endswith(("OK", "SKIP"))] == verdicts

    play(tmp_path, scenario)


READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"state": {}}]}
PROXY = ("daemonsets", "k8s-app=kube-proxy"), ("pods", "k8s-app=kube-proxy")
DNS = ("deployments", "k8s-app=kube-dns"), ("pods", "k8s-app=kube-dns")


def _pod(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {**READY, **status}}


@pytest.mark.parametrize(
    ("pods", "wanted", "verdict"),
    [
        ([_pod("a"), _pod("b")], 2, ""),
        ([_pod("a")], 2, "expected 2 ready pods, got 1"),
        ([_pod("a"), _pod("b", conditions=[])], 2, "some pods are not ready: [b]"),
        ([_pod("a", conditions=[])], 1, 'no ready pods found for namespace "kube-system" and label selector "{}"'),
        ([], 2, 'no pods found for namespace "kube-system" and label selector "{}"'),
        ([_pod("a"), _pod("b", phase="Failed")], 1, ""),
        ([_pod("a"), {**_pod("b"), "metadata": {"name": "b", "deletionTimestamp": "now"}}], 1, ""),
        ([_pod("a"), _pod("b", containerStatuses=[{"state": {"terminated": {"exitCode": 0}}}])], 1, ""),
    ],
)
def test_pods_of_proxy_and_dns(pods: list[dict[str, Any]], wanted: int, verdict: str) -> None:
    kubernetes = FakeKubernetes(FakeControlPlane())
    kubernetes.system[PROXY[0]] = [{"status": {"desiredNumberScheduled": wanted}}]
    kubernetes.system[DNS[0]] = [{"spec": {"replicas": wanted}}]
    kubernetes.system[PROXY[1]] = kubernetes.system[DNS[1]] = pods
    cluster = Cluster({}, {}, frozenset(), MachineConfig([{}]), kubernetes)
    assert asyncio.run(kube_proxy(cluster)) == verdict.format("k8s-app=kube-proxy")
    assert asyncio.run(coredns(cluster)) == verdict.format("k8s-app=kube-dns")


def test_dns_is_not_judged_where_the_network_is_left_to_others() -> None:
    kubernetes = FakeKubernetes(FakeControlPlane())
    kubernetes.system[DNS[0]] = [{"spec": {"replicas": 2}}]
    config = MachineConfig([{"cluster": {"network": {"cni": {"name": "none"}}}}])
    assert asyncio.run(coredns(Cluster({}, {}, frozenset(), config, kubernetes))) == SKIP


def test_an_api_that_does_not_answer_is_told() -> None:
    kubernetes = FakeKubernetes(FakeControlPlane())
    kubernetes.available = False
    with pytest.raises(Unanswered, match="connection refused"):
        asyncio.run(kube_proxy(Cluster({}, {}, frozenset(), MachineConfig([{}]), kubernetes)))


def test_node_that_never_finishes_its_boot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        rows = lab.programs["cp1"].etcd_access.rows
        rows[0] = rows[0].__class__(0xA1, "cp1", ("https://198.18.9.11:2380",), ())
        machine = await worker(lab, "gw1", "198.18.9.21", extensions=(*VARIANT, "tailscale"), role="gateway")
        await until(lambda: machine.node.is_up("kubelet"), "kubelet up")
        lines = await _health(lab, 3, control_plane_nodes=["198.18.9.11"], worker_nodes=["198.18.9.21"])
        assert lines[-2:] == [
            "waiting for all nodes to finish boot sequence: nodes are not running: booting: [198.18.9.21]",
            "DEADLINE_EXCEEDED: context deadline exceeded",
        ]

    play(tmp_path, scenario)


def test_etcd_that_is_not_up(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        lab.programs["cp1"].etcd.problem = "no leader"
        await until(lambda: not lab.machines["cp1"].node.is_up("etcd"), "etcd unhealthy")
        lines = await _health(lab, 1)
        assert "waiting for etcd to be healthy: 198.18.9.11: service is not healthy: etcd" in lines

    play(tmp_path, scenario)


@pytest.mark.parametrize("text", ["cluster health check is only available on control plane nodes"])
def test_worker_does_not_check(tmp_path: Path, text: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await stage(await worker(lab), "running")
        assert await _health(lab, 1, "198.18.9.21") == [f"UNIMPLEMENTED: {text}"]

    play(tmp_path, scenario)
