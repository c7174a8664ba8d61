# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The v1alpha1 document: ``machine`` and ``cluster`` sections as ``talosctl gen config`` writes them.

Sources: siderolabs/talos:pkg/machinery/config/generate/init.go, worker.go, network.go.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.flavours import (
    EXCLUDE_FROM_EXTERNAL_LOAD_BALANCERS,
)

ROLE_LABEL = "homelab.talos/role"
KUBEPRISM_PORT = 7445
# ResolverConfig holds the host DNS settings from this line on, the v1alpha1 document before.
HOST_DNS_DOCUMENT: versions.MinorVersion = (1, 14)

# Source: siderolabs/talos:pkg/machinery/config/types/v1alpha1/v1alpha1_types.go, generate/init.go.
_POD_SECURITY: Mapping[str, Any] = {
    "name": "PodSecurity",
    "configuration": {
        "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
        "defaults": {
            "audit": "restricted",
            "audit-version": "latest",
            "enforce": "baseline",
            "enforce-version": "latest",
            "warn": "restricted",
            "warn-version": "latest",
        },
        "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []},
        "kind": "PodSecurityConfiguration",
    },
}
_AUDIT_POLICY: Mapping[str, Any] = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


def v1alpha1_document(cluster: Cluster, node: Node, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the v1alpha1 document of a node, before any patch.

    :param bundle: a valid secrets bundle.
    """
    return {
        "version": "v1alpha1",
        "debug": False,
        "persist": True,
        "machine": machine_section(cluster, node, bundle),
        "cluster": cluster_section(cluster, node, bundle),
    }


def machine_section(cluster: Cluster, node: Node, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``machine`` section: identity, kubelet, install, features, labels."""
    section: dict[str, Any] = {
        "type": node.machine_type,
        "token": bundle["trustdinfo"]["token"],
        "ca": _authority(bundle, "os", node.is_controlplane),
        "certSANs": list(cluster.cert_sans),
        "kubelet": {
            "image": versions.kubernetes_image("kubelet", cluster.kubernetes_version),
            "defaultRuntimeSeccompProfileEnabled": True,
            "nodeIP": {"validSubnets": [node.subnet]},
            "disableManifestsDirectory": True,
        },
        "install": _install(cluster, node),
        "features": _features(cluster),
        "nodeLabels": _labels(cluster, node),
    }
    if node.annotations:
        section["nodeAnnotations"] = dict(sorted(node.annotations.items()))
    if node.taints:
        section["nodeTaints"] = dict(sorted(node.taints.items()))
    return section


def cluster_section(cluster: Cluster, node: Node, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``cluster`` section; a worker gets no key of any authority and no control plane settings."""
    section: dict[str, Any] = {
        "id": bundle["cluster"]["id"],
        "secret": bundle["cluster"]["secret"],
        "controlPlane": {"endpoint": cluster.endpoint},
        "clusterName": cluster.name,
        "network": _network(cluster),
        "token": bundle["secrets"]["bootstraptoken"],
    }
    if node.is_controlplane:
        section.update(_controlplane(cluster, node, bundle))
    else:
        section["ca"] = _authority(bundle, "k8s", with_key=False)
    section["discovery"] = {"enabled": cluster.discovery, "registries": {"kubernetes": {"disabled": True}}}
    return section


def _controlplane(cluster: Cluster, node: Node, bundle: Mapping[str, Any]) -> dict[str, Any]:
    version = cluster.kubernetes_version
    proxy: dict[str, Any] = {"disabled": True} if cluster.proxy_disabled else {}
    section: dict[str, Any] = {}
    for key, target in (
        ("aescbcencryptionsecret", "aescbcEncryptionSecret"),
        ("secretboxencryptionsecret", "secretboxEncryptionSecret"),
    ):
        if bundle["secrets"].get(key):
            section[target] = bundle["secrets"][key]
    section.update(
        {
            "ca": _authority(bundle, "k8s", with_key=True),
            "aggregatorCA": _authority(bundle, "k8saggregator", with_key=True),
            "serviceAccount": {"key": bundle["certs"]["k8sserviceaccount"]["key"]},
            "apiServer": {
                "image": versions.kubernetes_image("kube-apiserver", version),
                "certSANs": api_server_names(cluster),
                "admissionControl": [copy.deepcopy(dict(_POD_SECURITY))],
                "auditPolicy": copy.deepcopy(dict(_AUDIT_POLICY)),
            },
            "controllerManager": {"image": versions.kubernetes_image("kube-controller-manager", version)},
            "proxy": {**proxy, "image": versions.kubernetes_image("kube-proxy", version)},
            "scheduler": {"image": versions.kubernetes_image("kube-scheduler", version)},
            "etcd": {"ca": _authority(bundle, "etcd", with_key=True), "advertisedSubnets": [node.subnet]},
        }
    )
    if cluster.coredns_disabled:
        section["coreDNS"] = {"disabled": True}
    if cluster.allow_scheduling_on_control_planes:
        section["allowSchedulingOnControlPlanes"] = True
    return section


def api_server_names(cluster: Cluster) -> list[str]:
    """Return the additional names of the Kubernetes API's certificate: endpoint, shared address, declared ones."""
    names = [cluster.endpoint_host, cluster.vip, *cluster.cert_sans]
    return [name for index, name in enumerate(names) if name and name not in names[:index]]


def _install(cluster: Cluster, node: Node) -> dict[str, Any]:
    install: dict[str, Any] = {}
    if node.install.disk:
        install["disk"] = node.install.disk
    if node.install.disk_selector:
        install["diskSelector"] = dict(node.install.disk_selector)
    install["image"] = installer_image(cluster, node)
    install["wipe"] = node.install.wipe
    install["grubUseUKICmdline"] = True
    return install


def installer_image(cluster: Cluster, node: Node) -> str:
    """Return the installer of a node: declared for the host, for the variant, else the factory's for the extensions.

    An installer without the node's extensions would remove them at the next upgrade.
    """
    variant = cluster.variant(node.role)
    if node.install.image or variant.installer_image:
        return node.install.image or variant.installer_image
    return versions.installer_image(cluster.talos_version, extensions.schematic(cluster.extensions_of(node))[0])


def _features(cluster: Cluster) -> dict[str, Any]:
    features: dict[str, Any] = {
        "diskQuotaSupport": True,
        "kubePrism": {"enabled": True, "port": KUBEPRISM_PORT},
    }
    if versions.talos_line(cluster.talos_version).minor < HOST_DNS_DOCUMENT:
        features["hostDNS"] = {"enabled": True, "forwardKubeDNSToHost": True}
    return features


def _labels(cluster: Cluster, node: Node) -> dict[str, str]:
    labels = {ROLE_LABEL: node.role, **node.labels}
    # CozyStack's load balancer announces from control planes too.
    if node.is_controlplane and cluster.flavour == "plain":
        labels.setdefault(EXCLUDE_FROM_EXTERNAL_LOAD_BALANCERS, "")
    return dict(sorted(labels.items()))


def _network(cluster: Cluster) -> dict[str, Any]:
    network: dict[str, Any] = {"cni": {"name": "none"}} if cluster.cni == "none" else {}
    network["dnsDomain"] = cluster.dns_domain
    network["podSubnets"] = list(cluster.pod_subnets)
    network["serviceSubnets"] = list(cluster.service_subnets)
    return network


def _authority(bundle: Mapping[str, Any], name: str, with_key: bool) -> dict[str, str]:
    pair = bundle["certs"][name]
    return {"crt": pair["crt"], "key": pair["key"] if with_key else ""}
