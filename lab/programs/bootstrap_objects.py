# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects Talos puts into a new cluster, and what it keeps true of a control plane's own Node.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/k8s/templates.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import yaml

from ansible_collections.homelab.talos.lab.machined import kubeprism_plan
from ansible_collections.homelab.talos.lab.programs.cluster_network import (
    dns_domain,
    dns_service_addresses,
    pod_subnets,
)
from ansible_collections.homelab.talos.lab.programs.coredns import (
    coredns,
    coredns_image,
    dns_service,
    is_coredns_enabled,
)
from ansible_collections.homelab.talos.lab.programs.files import kubeconfig
from ansible_collections.homelab.talos.lab.programs.kube_proxy import (
    KUBECONFIG_MAP,
    is_proxy_enabled,
    kube_proxy,
    proxy_arguments,
    proxy_image,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


def bootstrap_manifests(config: MachineConfig) -> dict[str, list[dict[str, Any]]]:
    """Return Talos' name of each bootstrap manifest -> its objects, in the order of their application.

    These let kubelets join, and are kube-proxy, CoreDNS and what the two need.
    """
    token_id, dummy_dot, secret = str(config.value("cluster", "token")).partition(".")
    manifests = {
        "00-kubelet-bootstrapping-token": [_token(token_id, secret)],
        "01-csr-approver-role-binding": [
            _binding(
                "system-bootstrap-approve-node-client-csr",
                "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
                "system:bootstrappers:nodes",
            )
        ],
        "01-csr-node-bootstrap": [
            _binding("system-bootstrap-node-bootstrapper", "system:node-bootstrapper", "system:bootstrappers:nodes")
        ],
        "01-csr-renewal-role-binding": [
            _binding(
                "system-bootstrap-node-renewal",
                "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
                "system:nodes",
            )
        ],
        "10-kube-proxy": kube_proxy(config),
        "11-core-dns": coredns(config),
        "11-core-dns-svc": dns_service(config),
        "11-kube-config-in-cluster": [_kubeconfig_in_cluster(config)],
        "11-talos-node-rbac-template": _rights_of_nodes(),
    }
    return {name: objects for name, objects in manifests.items() if objects}


def bootstrap_objects(config: MachineConfig) -> list[dict[str, Any]]:
    """Return the objects of all bootstrap manifests in the order of their application."""
    return [each for objects in bootstrap_manifests(config).values() for each in objects]


def manifests_settings(config: MachineConfig) -> dict[str, Any]:
    """Return what the bootstrap manifests are made from, as Talos' resource BootstrapManifestsConfig shows it.

    Source: siderolabs/talos:pkg/machinery/resources/k8s/manifests_config.go.
    """
    cni = config.value("cluster", "network", "cni", "name", default="flannel")
    by_version = {ipaddress.ip_address(address).version: address for address in dns_service_addresses(config)}
    return {
        # Talos itself names this key so.
        "string": _api_server(config),
        "clusterDomain": dns_domain(config),
        "podCIDRs": pod_subnets(config),
        "proxyEnabled": is_proxy_enabled(config),
        "proxyImage": proxy_image(config),
        "proxyArgs": proxy_arguments(config),
        "coreDNSEnabled": is_coredns_enabled(config),
        "coreDNSImage": coredns_image(config),
        "dnsServiceIP": by_version.get(4, ""),
        "dnsServiceIPv6": by_version.get(6, ""),
        "flannelEnabled": cni == "flannel",
        "cniName": cni,
    }


def inline_manifests(config: MachineConfig) -> list[str]:
    """Return the texts of ``cluster.inlineManifests`` in their order."""
    manifests = config.value("cluster", "inlineManifests", default=[]) or []
    return [str(manifest.get("contents", "")) for manifest in manifests]


def control_plane_labels() -> dict[str, str]:
    """Return the labels a control plane's Node carries beside those of its machine configuration."""
    return {"node-role.kubernetes.io/control-plane": ""}


def control_plane_taint(config: MachineConfig) -> str:
    """Return the taint of a control plane that takes no ordinary pods, "" where they are allowed."""
    allowed = config.value("cluster", "allowSchedulingOnControlPlanes", default=False)
    return "" if allowed else "node-role.kubernetes.io/control-plane:NoSchedule"


def _api_server(config: MachineConfig) -> str:
    """Return where workloads of every node reach the API: KubePrism, without it the endpoint of the cluster."""
    port = kubeprism_plan.port(config)
    return f"https://{kubeprism_plan.HOST}:{port}" if port else kubeprism_plan.cluster_endpoint(config)


def _kubeconfig_in_cluster(config: MachineConfig) -> dict[str, Any]:
    """Return the kubeconfig of workloads that cannot use a service address, because they make them work."""
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    settings = kubeconfig(_api_server(config), f"{account}/ca.crt", {"tokenFile": f"{account}/token"})
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": KUBECONFIG_MAP, "namespace": "kube-system"},
        "data": {"kubeconfig": yaml.safe_dump(settings, sort_keys=False)},
    }


def _rights_of_nodes() -> list[dict[str, Any]]:
    """Return the right of nodes to read where the API servers are."""
    name = "system:talos-nodes"
    rule = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "rules": [rule],
    }
    return [_binding(name, name, "system:nodes"), role]


def _token(token_id: str, secret: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"bootstrap-token-{token_id}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {
            "token-id": token_id,
            "token-secret": secret,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": "system:bootstrappers:nodes",
        },
    }


def _binding(name: str, role: str, group: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "Group", "name": group, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"},
    }
