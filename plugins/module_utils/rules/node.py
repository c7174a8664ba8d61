# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about one node: does its configuration fit its image, its role and its place in the inventory?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, Severity
from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import closest
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import home_of
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.v1alpha1 import ROLE_LABEL

LAYER = "config"
_TAILNET_EXTENSIONS = ("netbird", "tailscale", "zerotier")
# Variables with which an extension's service joins its tailnet.
_KEYS = ("NB_SETUP_KEY", "TS_AUTHKEY")


def check(
    cluster: Cluster, node: Node, config: MachineConfig, allow_unconfigured: Collection[str] = ()
) -> list[Finding]:
    """Judge the machine configuration of a node against its definition.

    :param config: the configuration as it would be applied, patches included.
    :param allow_unconfigured: extensions that may lack their configuration; for tests of Talos' boot limit only.
    :return: the findings of :func:`check_extensions` and ``node.machine-type``, ``node.hostname``, ``node.role-label``,
        ``node.endpoint``, ``node.cluster-name``, ``node.installer`` and ``node.address-choice``.
    """
    names = cluster.extensions_of(node)
    findings = check_extensions(config, names, node.name, node.role, allow_unconfigured)
    for rule in (_identity, _place, _installer, _address_choice):
        findings.extend(rule(cluster, node, config))
    return findings


def check_extensions(
    config: MachineConfig,
    names: Iterable[str],
    host: str = "",
    role: str = "",
    allow_unconfigured: Collection[str] = (),
) -> list[Finding]:
    """Judge whether the extensions of an image and the ExtensionServiceConfig documents agree.

    Source: siderolabs/talos:internal/app/machined/pkg/system/services/extension.go.

    :param names: the extensions in the node's image, declared or observed.
    :param role: role of the node, for the remedy.
    :return: findings ``node.extension-unconfigured``, ``node.extension-missing``, ``node.extension-unknown`` and
        ``node.extension-key``.
    """
    present = sorted(set(names))
    configured = [str(document.get("name") or "") for document in config.documents_of("ExtensionServiceConfig")]
    variant = f"talos_variants.{role}" if role else "the image"
    findings = list(_unconfigured(present, configured, host, variant, allow_unconfigured))
    findings.extend(_missing(present, configured, host, variant))
    findings.extend(_unknown(present, host, variant))
    findings.extend(_empty_key(config, host))
    return findings


def _unconfigured(
    present: list[str], configured: list[str], host: str, variant: str, allowed: Collection[str]
) -> Iterator[Finding]:
    for service, extension in extensions.services_of(present).items():
        if not extension.needs_configuration or service in configured:
            continue
        yield _finding(
            "extension-unconfigured",
            f"the image holds extension {extension.name}, but there is no ExtensionServiceConfig {service}: the node "
            "would stay in stage booting and reboot every 70 minutes",
            f"add {home_of(service)} or take {extension.name} out of {variant}",
            host,
            f"ExtensionServiceConfig/{service}",
            "warning" if extension.name in allowed else "error",
        )


def _missing(present: list[str], configured: list[str], host: str, variant: str) -> Iterator[Finding]:
    services = set(extensions.services_of(present))
    # An extension that is not known here may well have a service of its own name.
    services.update(name for name in present if name not in extensions.EXTENSIONS)
    for name in configured:
        if name in services or not name:
            continue
        match = closest(name, services)
        owner = next((item.name for item in extensions.EXTENSIONS.values() if name in item.services), name)
        yield _finding(
            "extension-missing",
            f"there is an ExtensionServiceConfig {name}, but the image holds no extension with that service: Talos "
            "would ignore it",
            f'did you mean "{match}"?' if match else f"add {owner} to {variant} or remove the document",
            host,
            f"ExtensionServiceConfig/{name}",
        )


def _unknown(present: list[str], host: str, variant: str) -> Iterator[Finding]:
    for name in present:
        if name not in extensions.EXTENSIONS:
            match = closest(name, extensions.EXTENSIONS)
            yield _finding(
                "extension-unknown",
                f"extension {name} is none of Talos' official extensions",
                f'did you mean "{match}"?' if match else "make sure that your image really holds it",
                host,
                variant,
                "warning",
            )


def _empty_key(config: MachineConfig, host: str) -> Iterator[Finding]:
    for document in config.documents_of("ExtensionServiceConfig"):
        for variable in document.get("environment") or []:
            name, separator, value = str(variable).partition("=")
            if separator and name in _KEYS and not value.strip():
                yield _finding(
                    "extension-key",
                    f"{name} is empty: unless the node has logged in before, the service waits for somebody to do so",
                    f"give the key, or take {name} out",
                    host,
                    f"ExtensionServiceConfig/{document.get('name')}: environment",
                    "warning",
                )


def _identity(cluster: Cluster, node: Node, config: MachineConfig) -> Iterator[Finding]:
    if config.machine_type != node.machine_type:
        message = f"machine type is {config.machine_type}, the inventory says {node.machine_type}"
        yield _finding("machine-type", message, "correct the patch or the group", node.name, "machine.type")
    if config.hostname and config.hostname.split(".")[0] != node.name.split(".")[0]:
        message = f"host name is {config.hostname}, the inventory says {node.name}"
        fix = "a node that changes its name joins Kubernetes as a second node; correct the patch"
        yield _finding("hostname", message, fix, node.name, "HostnameConfig: hostname")
    label = config.value("machine", "nodeLabels", ROLE_LABEL)
    if label is None:
        document = config.document("KubeNodeConfig") or {}
        label = (document.get("labels") or {}).get(ROLE_LABEL)
    if label != node.role:
        message = f"label {ROLE_LABEL} is {label or 'missing'}, the role is {node.role}"
        yield _finding("role-label", message, "leave that label alone", node.name, "machine.nodeLabels")


def _place(cluster: Cluster, node: Node, config: MachineConfig) -> Iterator[Finding]:
    endpoint = config.value("cluster", "controlPlane", "endpoint")
    if endpoint and str(endpoint).rstrip("/") != cluster.endpoint:
        message = f"endpoint is {endpoint}, the cluster's is {cluster.endpoint}"
        path = "cluster.controlPlane.endpoint"
        yield _finding("endpoint", message, "one endpoint serves the whole cluster; correct the patch", node.name, path)
    name = config.value("cluster", "clusterName")
    if name and name != cluster.name:
        message = f"cluster name is {name}, the inventory says {cluster.name}"
        yield _finding("cluster-name", message, "correct the patch", node.name, "cluster.clusterName")


def _installer(cluster: Cluster, node: Node, config: MachineConfig) -> Iterator[Finding]:
    image = str(config.value("machine", "install", "image", default=""))
    names = cluster.extensions_of(node)
    plain = "/siderolabs/installer:" in image or f"/{versions.PLAIN_SCHEMATIC}:" in image
    if names and plain:
        yield _finding(
            "installer",
            f"installer {image} holds no extension; installing with it would remove {', '.join(names)}",
            f"set talos_variants.{node.role}.installer_image, or leave the image to the collection",
            node.name,
            "machine.install.image",
        )


def _address_choice(cluster: Cluster, node: Node, config: MachineConfig) -> Iterator[Finding]:
    tailnet = sorted(set(cluster.extensions_of(node)) & set(_TAILNET_EXTENSIONS))
    if not tailnet:
        return
    pinned = config.value("machine", "kubelet", "nodeIP", "validSubnets")
    document = config.document("KubeNodeConfig") or {}
    if not pinned and not (document.get("nodeIP") or {}).get("validSubnets"):
        yield _finding(
            "address-choice",
            f"with extension {tailnet[0]} the kubelet may choose the tailnet address: no nodeIP.validSubnets",
            f"set machine.kubelet.nodeIP.validSubnets to {node.subnet}",
            node.name,
            "machine.kubelet.nodeIP.validSubnets",
        )
    if config.is_controlplane and not config.value("cluster", "etcd", "advertisedSubnets"):
        yield _finding(
            "address-choice",
            f"with extension {tailnet[0]} etcd may choose the tailnet address: no advertisedSubnets",
            f"set cluster.etcd.advertisedSubnets to {node.subnet}",
            node.name,
            "cluster.etcd.advertisedSubnets",
        )


def _finding(
    rule: str, message: str, fix: str, host: str = "", path: str = "", severity: Severity = "error"
) -> Finding:
    return Finding(f"node.{rule}", severity, message, host=host, path=path, fix=fix, layer=LAYER)
