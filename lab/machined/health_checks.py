# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks behind ``talosctl health``, in their order, answered from the APIs of the cluster's nodes.

Source: siderolabs/talos:pkg/cluster/check/default.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined import kubernetes_health, node_health
from ansible_collections.homelab.talos.lab.machined.checked_cluster import Check

CHECKS: tuple[tuple[str, Check], ...] = (
    ("etcd to be healthy", node_health.etcd_healthy),
    ("etcd members to be consistent across nodes", node_health.etcd_consistent),
    ("etcd members to be control plane nodes", node_health.etcd_on_control_planes),
    ("apid to be ready", node_health.apid_ready),
    ("all nodes memory sizes", node_health.memory_sizes),
    ("all nodes disk sizes", node_health.disk_sizes),
    ("no diagnostics", node_health.no_diagnostics),
    ("kubelet to be healthy", node_health.kubelet_healthy),
    ("all nodes to finish boot sequence", node_health.boot_finished),
    ("all k8s nodes to report", kubernetes_health.nodes_reported),
    ("all control plane static pods to be running", kubernetes_health.static_pods_running),
    ("all control plane components to be ready", kubernetes_health.components_ready),
    ("all k8s nodes to report ready", kubernetes_health.nodes_ready),
    ("kube-proxy to report ready", kubernetes_health.kube_proxy),
    ("coredns to report ready", kubernetes_health.coredns),
    ("all k8s nodes to report schedulable", kubernetes_health.nodes_schedulable),
)
