# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this node knows from Kubernetes: its Node object, its static pods, its etcd member.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/{k8s,etcd}.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import CORDONED, EtcdError, KubernetesNode, NotReadyYet
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import State
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

POLL_SECONDS = 2.0
RETRY_SECONDS = 1.0
UNCORDONED_STAGES = ("booting", "running")
NODE_TYPE = "NodeStatuses.kubernetes.talos.dev"
MANIFEST_TYPE = "Manifests.kubernetes.talos.dev"
MANIFESTS_CONFIG_TYPE = "BootstrapManifestsConfigs.kubernetes.talos.dev"
POD_TYPE = "StaticPodStatuses.kubernetes.talos.dev"


async def keep_publishing(node: Node) -> None:
    """Look at Kubernetes every two seconds while the kubelet runs."""
    while True:
        await node.board.until(lambda: node.is_up("kubelet"))
        found = await node.programs.kubernetes.node(node.nodename)
        before = node.kubernetes_node
        _publish_node(node, found)
        if found is not None and before is None and node.config is not None:
            await node.programs.kubernetes.apply_node(node.config, node.nodename)
        if found is not None and CORDONED in found.annotations and node.stage in UNCORDONED_STAGES:
            await node.programs.kubernetes.uncordon(node.nodename)
        node.board.post()
        await node.clock.sleep(POLL_SECONDS)


async def keep_static_pod_statuses(node: Node) -> None:
    """Ask the kubelet of a control plane about its static pods every two seconds; there are none once it does not run.

    What was known stays while it runs and does not answer.
    """
    while True:
        await node.board.until(lambda: _kubelet_runs(node))
        pods = await node.programs.kubernetes.static_pod_statuses()
        if not _kubelet_runs(node):
            _publish_pods(node, {})
            continue
        if pods is not None:
            _publish_pods(node, pods)
        await _pause_while_kubelet_runs(node)


async def _pause_while_kubelet_runs(node: Node) -> None:
    pause = asyncio.create_task(node.clock.sleep(POLL_SECONDS))
    end = asyncio.create_task(node.board.until(lambda: not _kubelet_runs(node)))
    try:
        await asyncio.wait({pause, end}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pause.cancel()
        end.cancel()
    if not _kubelet_runs(node):
        _publish_pods(node, {})


def _kubelet_runs(node: Node) -> bool:
    return "kubelet" in node.services and node.services["kubelet"].state is State.RUNNING


def _publish_pods(node: Node, pods: Mapping[str, Mapping[str, Any]]) -> None:
    specs = {id: dict(spec) for id, spec in pods.items()}
    node.store.replace_all("k8s", POD_TYPE, specs, owner="k8s.KubeletStaticPodController")
    node.board.post()


def _publish_node(node: Node, found: KubernetesNode | None) -> None:
    node.kubernetes_node = found or node.kubernetes_node
    if found is None:
        return
    spec: dict[str, Any] = {
        "nodename": found.name,
        "nodeReady": found.ready,
        "unschedulable": found.unschedulable,
        "labels": dict(found.labels),
        "annotations": dict(found.annotations),
        "podCIDRs": list(found.pod_cidrs),
    }
    node.store.replace_all("k8s", NODE_TYPE, {found.name: spec}, owner="k8s.NodeStatusController")


async def keep_control_plane(node: Node) -> None:
    """Keep the static pods as the configuration says while etcd is healthy; publish bootstrap objects."""
    while True:
        await node.board.until(lambda: node.is_controlplane and node.is_up("etcd"))
        config = node.config
        if config is None:
            continue
        await _prepare(node, config)
        await _publish_objects(node, config)
        await _until_outdated(node, config)


async def _until_outdated(node: Node, config: MachineConfig) -> None:
    await node.board.until(lambda: node.config is not config or not node.is_up("etcd"))


async def _prepare(node: Node, config: MachineConfig) -> None:
    while True:
        try:
            await node.programs.control_plane.prepare(config, node.facts())
            break
        except NotReadyYet:
            await node.clock.sleep(RETRY_SECONDS)
    pods = {id: dict(pod) for id, pod in node.programs.control_plane.static_pods(config).items()}
    node.store.replace_all("k8s", "StaticPods.kubernetes.talos.dev", pods, owner="k8s.ControlPlaneStaticPodController")
    _publish_manifests(node, config)
    node.board.post()
    await publish_etcd_member(node)


def _publish_manifests(node: Node, config: MachineConfig) -> None:
    settings = {"manifests": dict(node.programs.control_plane.manifests_settings(config))}
    owner = "k8s.ControlPlaneBootstrapManifestsController"
    node.store.replace_all("controlplane", MANIFESTS_CONFIG_TYPE, settings, owner=owner)
    manifests = {
        name: {"items": [dict(each) for each in objects]}
        for name, objects in node.programs.control_plane.manifests(config).items()
    }
    node.store.replace_all("controlplane", MANIFEST_TYPE, manifests, owner="k8s.ManifestController")


async def _publish_objects(node: Node, config: MachineConfig) -> None:
    while node.config is config:
        try:
            await node.programs.control_plane.publish(config, node.facts())
            return
        except NotReadyYet:
            await node.clock.sleep(RETRY_SECONDS)


async def publish_etcd_member(node: Node) -> None:
    """Publish the id of the local etcd member."""
    try:
        status = await node.programs.etcd_access.status()
    except (EtcdError, OSError, TimeoutError) as error:
        node.journal.talos(f"etcd member id is not known yet: {error}")
        return
    spec = {"memberID": f"{status.member_id:016x}"}
    node.store.put("etcd", "EtcdMembers.etcd.talos.dev", "local", spec, owner="etcd.MemberController")
