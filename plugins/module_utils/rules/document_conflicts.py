# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conflicts: a document and the v1alpha1 block it replaces must not both be there.

Source: siderolabs/talos:pkg/machinery/config/container/validate.go (V1Alpha1ConflictValidate of each document).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import Subject, mapping

Place = tuple[tuple[str, ...], str]

_MULTI = "can't be used with {kind} document, please remove it and use only the document"
_REMOVE = "Please remove it and use only the new {kind} document to avoid conflicts"

# Kind of the document to the places of the v1alpha1 document that exclude it, with Talos' sentence.
_CONFLICTS: Mapping[str, Sequence[Place]] = {
    "HostnameConfig": (
        (("machine", "network", "hostname"), "static hostname is already set in v1alpha1 config"),
        (("machine", "features", "stableHostname"), "stable hostname is already set in v1alpha1 config"),
    ),
    "ResolverConfig": (
        (("machine", "network", "nameservers"), ".machine.network.nameservers is already set in v1alpha1 config"),
        (("machine", "network", "searchDomains"), ".machine.network.searchDomains is already set in v1alpha1 config"),
        (
            ("machine", "network", "disableSearchDomain"),
            ".machine.network.disableSearchDomain is already set in v1alpha1 config",
        ),
    ),
    "TimeSyncConfig": (
        (
            ("machine", "time", "servers"),
            "time servers cannot be specified in both v1alpha1 and new-style configuration",
        ),
        (
            ("machine", "time", "disabled"),
            "time sync cannot be disabled in both v1alpha1 and new-style configuration",
        ),
        (
            ("machine", "time", "bootTimeout"),
            "boot timeout cannot be specified in both v1alpha1 and new-style configuration",
        ),
    ),
    "KubeSpanConfig": (
        (("machine", "network", "kubespan"), "kubespan is already configured in v1alpha1 machine.network.kubespan"),
    ),
    "UnattendedInstallConfig": (
        (
            ("machine", "install"),
            "UnattendedInstallConfig config is incompatible with v1alpha1 config (.machine.install)",
        ),
    ),
    "KubeletConfig": ((("machine", "kubelet"), "kubelet config is already set in v1alpha1 config (.machine.kubelet)"),),
    "KubeNodeConfig": (
        (("machine", "nodeLabels"), ".machine.nodeLabels is already set in v1alpha1 config"),
        (("machine", "nodeTaints"), ".machine.nodeTaints is already set in v1alpha1 config"),
        (("machine", "nodeAnnotations"), ".machine.nodeAnnotations is already set in v1alpha1 config"),
        (
            ("cluster", "allowSchedulingOnControlPlanes"),
            ".cluster.allowSchedulingOnControlPlanes is already set in v1alpha1 config",
        ),
    ),
    "KubeClusterConfig": (
        (
            ("cluster", "clusterName"),
            f"cluster name is already set in the v1alpha1 config (.cluster.clusterName). {_REMOVE}",
        ),
        (
            ("cluster", "controlPlane", "endpoint"),
            f"cluster endpoint is already set in the v1alpha1 config (.cluster.controlPlane.endpoint). {_REMOVE}",
        ),
    ),
    "KubeNetworkConfig": (
        (
            ("cluster", "network"),
            f"cluster network config is already set in the v1alpha1 config (.machine.cluster.network). {_REMOVE}",
        ),
    ),
    "KubeFlannelCNIConfig": (
        (
            ("cluster", "network"),
            f"cluster network config in the v1alpha1 config (.machine.cluster.network) {_MULTI}",
        ),
    ),
    "KubeAPIServerConfig": (
        (("cluster", "apiServer"), "kube-apiserver config is already set in v1alpha1 config (.cluster.apiServer)"),
    ),
    "KubeAPIServerCAConfig": (
        (("cluster", "ca"), "kube-apiserver CA is already set in v1alpha1 config (.cluster.ca)"),
    ),
    "KubeControllerManagerConfig": (
        (
            ("cluster", "controllerManager"),
            "kube-controller-manager config is already set in v1alpha1 config (.cluster.controllerManager)",
        ),
    ),
    "KubeSchedulerConfig": (
        (("cluster", "scheduler"), "kube-scheduler config is already set in v1alpha1 config (.cluster.scheduler)"),
    ),
    "KubeProxyConfig": (
        (("cluster", "proxy"), f"cluster proxy config in v1alpha1 config (.machine.cluster.proxy) {_MULTI}"),
    ),
    "KubeCoreDNSConfig": (
        (("cluster", "coreDNS"), "CoreDNS config is already set in v1alpha1 config (.cluster.coreDNS)"),
    ),
    "KubeEtcdEncryptionConfig": (
        (("cluster", "secretboxEncryptionSecret"), "etcd encryption config is already set in v1alpha1 config"),
        (("cluster", "aescbcEncryptionSecret"), "etcd encryption config is already set in v1alpha1 config"),
    ),
    "KubeServiceAccountConfig": (
        (
            ("cluster", "serviceAccount"),
            "service account is already set in v1alpha1 config (.cluster.serviceAccount)",
        ),
    ),
    "KubeAggregatorCAConfig": (
        (("cluster", "aggregatorCA"), "aggregator CA is already set in v1alpha1 config (.cluster.aggregatorCA)"),
    ),
    "KubePrismConfig": (
        (
            ("machine", "features", "kubePrism"),
            f"KubePrism config in v1alpha1 config (.machine.features.kubePrism) {_MULTI}",
        ),
    ),
    "KubeTalosAPIAccessConfig": (
        (
            ("machine", "features", "kubernetesTalosAPIAccess"),
            ".machine.features.kubernetesTalosAPIAccess is already set in v1alpha1 config",
        ),
    ),
    "DiscoveryIdentityConfig": (
        (
            ("cluster", "id"),
            "cluster identity is already configured in .cluster.id/.cluster.secret of the v1alpha1 config",
        ),
    ),
    "DiscoveryServiceConfig": (
        (
            ("cluster", "discovery"),
            "discovery service is already configured in .cluster.discovery of the v1alpha1 config",
        ),
    ),
}


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding ``config.conflict`` for each block that a document replaces."""
    legacy = subject.config.v1alpha1
    if not legacy:
        return
    for document in subject.config.documents:
        kind = str(document.get("kind", ""))
        for path, message in _CONFLICTS.get(kind, ()):
            if _is_set(legacy, path):
                fix = f"keep {'.'.join(path)} or the document {kind}, not both"
                yield subject.finding("conflict", message.format(kind=kind), path, fix)
        if kind == "ResolverConfig" and document.get("hostDNS") and _is_set(legacy, ("machine", "features", "hostDNS")):
            path = ("machine", "features", "hostDNS")
            message = ".machine.features.hostDNS is already set in v1alpha1 config"
            yield subject.finding("conflict", message, path, "keep one of them")
        if kind == "VolumeConfig" and document.get("encryption"):
            yield from _encryption(subject, legacy, str(document.get("name", "")))


def _encryption(subject: Subject, legacy: Mapping[str, Any], name: str) -> Iterator[Finding]:
    path = ("machine", "systemDiskEncryption", name.lower())
    if name in ("STATE", "EPHEMERAL") and _is_set(legacy, path):
        message = f'system disk encryption for "{name}" is configured in both v1alpha1.Config and VolumeConfig'
        yield subject.finding("conflict", message, path, "keep one of them")


def _is_set(legacy: Mapping[str, Any], path: Sequence[str]) -> bool:
    here: Any = legacy
    for key in path[:-1]:
        here = mapping(mapping(here).get(key))
    value = mapping(here).get(path[-1])
    return value not in (None, "", [], {}, False)
