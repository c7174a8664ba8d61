# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the ``cluster`` section of the v1alpha1 document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_machine import check_image
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import (
    Subject,
    is_prefix,
    items,
    mapping,
)

# From this line on a node without any Kubernetes configuration is valid.
_WITHOUT_KUBERNETES = (1, 14)
_DNS_NAME = re.compile(
    r"^([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?$"
)
_COMPONENTS = (
    ("apiServer", "kube-apiserver"),
    ("controllerManager", "kube-controller-manager"),
    ("scheduler", "kube-scheduler"),
    ("proxy", "kube-proxy"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about endpoint, secrets, network, discovery, manifests, etcd and component images."""
    if not subject.config.v1alpha1:
        return
    if not subject.cluster:
        if subject.line < _WITHOUT_KUBERNETES:
            yield subject.finding("cluster", "cluster instructions are required", ("cluster",), "add the section")
        return
    for rule in (_endpoint, _worker_secrets, _authorities, _network, _discovery, _kubespan, _manifests, _etcd, _images):
        yield from rule(subject)


def _endpoint(subject: Subject) -> Iterator[Finding]:
    path = ("cluster", "controlPlane", "endpoint")
    endpoint = mapping(subject.cluster.get("controlPlane")).get("endpoint")
    if not endpoint:
        if not subject.config.document("KubeClusterConfig"):
            message = "cluster controlplane endpoint is required"
            yield subject.finding("endpoint", message, path, "write it like https://198.18.1.11:6443")
        return
    try:
        parts = urlsplit(str(endpoint))
        good = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        good = False
    if not good:
        message = f"invalid controlplane endpoint: {endpoint}"
        yield subject.finding("endpoint", message, path, "write it like https://198.18.1.11:6443")


def _worker_secrets(subject: Subject) -> Iterator[Finding]:
    if subject.config.is_controlplane:
        return
    if mapping(subject.cluster.get("ca")).get("key"):
        message = "issuing Kubernetes API CA key is not allowed on non-controlplane nodes (.cluster.ca)"
        yield subject.finding("worker-secret", message, ("cluster", "ca", "key"), "remove the key")
    if mapping(subject.cluster.get("etcd")):
        message = "etcd config is only allowed on control plane machines"
        yield subject.finding("worker-secret", message, ("cluster", "etcd"), "remove the section")
    for key in ("aggregatorCA", "serviceAccount", "secretboxEncryptionSecret", "aescbcEncryptionSecret"):
        value = subject.cluster.get(key)
        if isinstance(value, str) and value or mapping(value).get("key"):
            message = f"a worker does not need .cluster.{key}"
            fix = "remove it: who reads the worker's configuration owns the cluster"
            yield subject.finding("worker-excess", message, ("cluster", key), fix, severity="warning")


def _authorities(subject: Subject) -> Iterator[Finding]:
    if not subject.config.is_controlplane:
        return
    for section, path in (
        (mapping(subject.cluster.get("etcd")), ("cluster", "etcd", "ca")),
        (subject.cluster, ("cluster", "ca")),
    ):
        authority = mapping(section.get("ca"))
        if not authority.get("crt") or not authority.get("key"):
            if path == ("cluster", "ca") and subject.config.document("KubeAPIServerCAConfig"):
                continue
            message = f"no authority in .{'.'.join(path)}: the control plane would never start"
            yield subject.finding("authority", message, path, "render the configuration from the secrets bundle")


def _network(subject: Subject) -> Iterator[Finding]:
    network = mapping(subject.cluster.get("network"))
    path = ("cluster", "network")
    domain = network.get("dnsDomain")
    if domain and not _DNS_NAME.match(str(domain)):
        message = f'"{domain}" is not a valid DNS name'
        yield subject.finding("dns-name", message, path + ("dnsDomain",), "write it like cluster.local")
    for key in ("podSubnets", "serviceSubnets"):
        for subnet in items(network.get(key)):
            if not is_prefix(subnet):
                message = f'subnet is not valid: "{subnet}"'
                yield subject.finding("subnet", message, path + (key,), "write it like 10.244.0.0/16")
    yield from _cni(subject, network.get("cni"))


def _cni(subject: Subject, cni: Any) -> Iterator[Finding]:
    if not isinstance(cni, dict):
        return
    name, path = cni.get("name"), ("cluster", "network", "cni")
    if name not in ("flannel", "custom", "none"):
        message = 'cni name should be one of ["flannel", "custom", "none"]'
        yield subject.finding("cni", message, path + ("name",), "correct it")
    elif name != "custom" and cni.get("urls"):
        message = f'"urls" field should be empty for "{name}" CNI'
        yield subject.finding("cni", message, path + ("urls",), "remove the urls or use custom")
    elif name == "custom" and not cni.get("urls"):
        message = '"urls" field should not be empty for "custom" CNI'
        yield subject.finding("cni", message, path + ("urls",), "add the manifests", severity="warning")
    if name in ("none", "custom") and mapping(cni.get("flannel")).get("extraArgs"):
        message = f'"flanneldExtraArgs" field should be empty for "{name}" CNI'
        yield subject.finding("cni", message, path + ("flannel", "extraArgs"), "remove them")


def _discovery(subject: Subject) -> Iterator[Finding]:
    discovery = mapping(subject.cluster.get("discovery"))
    service = mapping(mapping(discovery.get("registries")).get("service"))
    if not discovery.get("enabled") or service.get("disabled"):
        return
    for key in ("id", "secret"):
        if not subject.cluster.get(key) and not subject.config.document("DiscoveryIdentityConfig"):
            message = f"cluster discovery service requires .cluster.{key}"
            yield subject.finding("discovery", message, ("cluster", key), "render it from the secrets bundle")
    endpoint = service.get("endpoint")
    if endpoint:
        path = ("cluster", "discovery", "registries", "service", "endpoint")
        parts = urlsplit(str(endpoint))
        if not parts.scheme or not parts.hostname:
            message = f"cluster discovery service registry endpoint is invalid: {endpoint}"
            yield subject.finding("discovery", message, path, "write it like https://discovery.example/")
        elif parts.path not in ("", "/"):
            message = "cluster discovery service registry endpoint path should be empty"
            yield subject.finding("discovery", message, path, "remove the path")


def _kubespan(subject: Subject) -> Iterator[Finding]:
    legacy = mapping(mapping(subject.machine.get("network")).get("kubespan"))
    document = mapping(subject.config.document("KubeSpanConfig"))
    for kubespan, owner in ((legacy, None), (document, document or None)):
        if not kubespan.get("enabled"):
            continue
        path = () if owner else ("machine", "network", "kubespan")
        has_discovery = mapping(subject.cluster.get("discovery")).get("enabled")
        if not has_discovery and not subject.config.document("DiscoveryServiceConfig"):
            message = (
                ".cluster.discovery should be enabled when .machine.network.kubespan is enabled"
                if subject.line < (1, 14)
                else "KubeSpan requires cluster discovery to be enabled"
            )
            yield subject.finding("kubespan", message, path, "enable cluster.discovery", document=owner)
        mtu = kubespan.get("mtu")
        if isinstance(mtu, int) and 0 < mtu < 1280:
            message = "kubespan link MTU must be at least 1280"
            yield subject.finding("kubespan", message, (*path, "mtu"), "raise it", document=owner)


def _manifests(subject: Subject) -> Iterator[Finding]:
    names: list[str] = []
    for index, entry in enumerate(items(subject.cluster.get("inlineManifests"))):
        name = str(mapping(entry).get("name") or "")
        path = ("cluster", "inlineManifests", str(index))
        if not name:
            yield subject.finding("manifest", "inline manifest name can't be empty", path, "add a name")
        elif name in names:
            yield subject.finding("manifest", f'inline manifest name "{name}" is duplicate', path, "rename one")
        names.append(name)
    provider = mapping(subject.cluster.get("externalCloudProvider"))
    if provider.get("manifests") and not provider.get("enabled"):
        message = "external cloud provider is disabled, but manifests are provided"
        yield subject.finding("manifest", message, ("cluster", "externalCloudProvider"), "enable it")


def _etcd(subject: Subject) -> Iterator[Finding]:
    etcd = mapping(subject.cluster.get("etcd"))
    path = ("cluster", "etcd")
    if etcd.get("subnet") and etcd.get("advertisedSubnets"):
        message = "etcd subnet can't be set when advertised subnets are set"
        yield subject.finding("etcd", message, path + ("subnet",), "remove subnet")
    for key, what in (("advertisedSubnets", "advertised"), ("listenSubnets", "listen")):
        for subnet in items(etcd.get(key)):
            if not is_prefix(str(subnet).lstrip("!")):
                message = f'etcd {what} subnet is not valid: "{subnet}"'
                yield subject.finding("etcd", message, path + (key,), "write it like 198.18.1.0/24")


def _images(subject: Subject) -> Iterator[Finding]:
    for key, component in _COMPONENTS:
        section = mapping(subject.cluster.get(key))
        if not section.get("disabled"):
            yield from check_image(subject, section.get("image"), component, ("cluster", key, "image"))
