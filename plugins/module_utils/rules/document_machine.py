# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the ``machine`` section of the v1alpha1 document."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import (
    Subject,
    is_prefix,
    items,
    mapping,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions

_MACHINE_TYPES = ("", "controlplane", "init", "join", "worker")
# Source: siderolabs/talos:pkg/machinery/kubelet/kubelet.go (ProtectedConfigurationFields).
PROTECTED_KUBELET_FIELDS = (
    "apiVersion",
    "authentication",
    "authorization",
    "cgroupRoot",
    "kind",
    "kubeletCgroups",
    "port",
    "protectKernelDefaults",
    "resolvConf",
    "rotateCertificates",
    "seccompDefault",
    "staticPodPath",
    "systemCgroups",
)
_TALOS_ROLES = (
    "os:admin",
    "os:operator",
    "os:reader",
    "os:etcd:backup",
    "os:image:verifier",
    "os:meta:writer",
    "os:impersonator",
)
_LABEL_NAME = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_LABEL_PREFIX = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
# The last line whose metal nodes demand machine.install.
_INSTALL_REQUIRED: versions.MinorVersion = (1, 13)
# Source: siderolabs/talos:pkg/machinery/constants/constants.go (CRICustomizationConfigPart).
_CREATE_ALLOWED = "/etc/cri/conf.d/20-customization.part"


def check(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about type, authority, install, kubelet, disks, files, labels, features and registries."""
    if subject.config.v1alpha1.get("persist") is False:
        yield subject.finding("persist", ".persist should be enabled", ("persist",), "remove persist")
    if not subject.machine:
        if subject.config.v1alpha1 or subject.config.documents:
            yield subject.finding("machine", "machine instructions are required", ("machine",), "add the section")
        return
    for rule in (_type, _authority, _install, _kubelet, _disks, _files, _encryption, _labels, _features, _registries):
        yield from rule(subject)


def _type(subject: Subject) -> Iterator[Finding]:
    declared = str(subject.machine.get("type") or "")
    path = ("machine", "type")
    if declared not in _MACHINE_TYPES:
        message = f'unknown machine type "{declared}"'
        yield subject.finding("machine-type", message, path, "use controlplane or worker")
    elif declared in ("", "join"):
        message = (
            'use "worker" instead of "join" for machine type' if declared else "an empty machine type means worker"
        )
        yield subject.finding("machine-type", message, path, "write worker", severity="warning")


def _authority(subject: Subject) -> Iterator[Finding]:
    authority, accepted = mapping(subject.machine.get("ca")), items(subject.machine.get("acceptedCAs"))
    crt, key = authority.get("crt"), authority.get("key")
    path = ("machine", "ca")
    fix = "render the configuration from the secrets bundle"
    if not crt and not accepted:
        message = "issuing CA or some accepted CAs are required (.machine.ca, machine.acceptedCAs)"
        yield subject.finding("machine-ca", message, path, fix)
    if subject.config.is_controlplane:
        if not crt and accepted:
            yield subject.finding("machine-ca", "issuing CA is required (.machine.ca)", path, fix)
        if crt and not key:
            message = "issuing CA key is required for controlplane nodes (.machine.ca.key)"
            yield subject.finding("machine-ca", message, path, fix)
    elif key:
        message = "issuing Talos API CA key is not allowed on non-controlplane nodes (.machine.ca)"
        yield subject.finding("worker-secret", message, ("machine", "ca", "key"), "remove the key")
    if not subject.machine.get("token"):
        message = "no token: the node cannot get its certificate"
        yield subject.finding("machine-token", message, ("machine", "token"), fix, severity="warning")


def _install(subject: Subject) -> Iterator[Finding]:
    install = subject.machine.get("install")
    path = ("machine", "install")
    if not install:
        if subject.mode == "metal" and subject.line <= _INSTALL_REQUIRED:
            message = 'install instructions are required in "metal" mode'
            yield subject.finding("install", message, path, "add machine.install with disk or diskSelector")
        return
    install = mapping(install)
    if subject.mode == "metal" and not install.get("disk") and not install.get("diskSelector"):
        message = "either install disk or diskSelector should be defined"
        yield subject.finding("install", message, path, "add disk or diskSelector")
    if install.get("extraKernelArgs") and install.get("grubUseUKICmdline"):
        message = "install.extraKernelArgs and install.grubUseUKICmdline can't be used together"
        yield subject.finding("install", message, path + ("extraKernelArgs",), "put the arguments into the boot asset")
    images = [mapping(item).get("image") for item in items(install.get("extensions"))]
    for image in sorted({str(image) for image in images if images.count(image) > 1}):
        message = f'duplicate system extension "{image}"'
        yield subject.finding("install", message, path + ("extensions",), "remove one")
    if images:
        yield subject.finding(
            "deprecated",
            ".machine.install.extensions is deprecated, please see "
            "https://docs.siderolabs.com/talos/latest/platform-specific-installations/boot-assets",
            path + ("extensions",),
            "use an installer image that holds the extensions",
            severity="warning",
        )


def _kubelet(subject: Subject) -> Iterator[Finding]:
    kubelet = mapping(subject.machine.get("kubelet"))
    path = ("machine", "kubelet")
    for field in PROTECTED_KUBELET_FIELDS:
        if field in mapping(kubelet.get("extraConfig")):
            message = f'kubelet configuration field "{field}" can\'t be overridden'
            yield subject.finding("kubelet", message, path + ("extraConfig", field), "remove it")
    for subnet in items(mapping(kubelet.get("nodeIP")).get("validSubnets")):
        if not is_prefix(str(subnet).lstrip("!")):
            message = f'kubelet nodeIP subnet is not valid: "{subnet}"'
            yield subject.finding("kubelet", message, path + ("nodeIP", "validSubnets"), "write it like 198.18.1.0/24")
    yield from check_image(subject, kubelet.get("image"), "kubelet", path + ("image",))


def check_image(subject: Subject, image: Any, component: str, path: tuple[str, ...]) -> Iterator[Finding]:
    """Judge the image of a Kubernetes component: a tag is readable and fits the Talos version."""
    if not image:
        return
    reference = str(image).partition("@")[0]
    name, _separator, tag = reference.rpartition(":")
    if not name or "/" in tag:
        if "@" not in str(image):
            message = f'{component} image is not valid: invalid image reference: "{image}"'
            yield subject.finding("kubernetes-image", message, path, "add a tag such as :v1.35.4")
        return
    try:
        sentence = versions.kubernetes_skew(subject.talos_version, tag)
    except versions.UnknownVersion:
        message = f'{component} image is not valid: failed to parse Kubernetes version from image reference "{image}"'
        yield subject.finding("kubernetes-image", message, path, "use a full version such as :v1.35.4")
        return
    if sentence:
        oldest, newest = versions.talos_line(subject.talos_version).kubernetes
        fix = f"choose Kubernetes {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
        yield subject.finding("kubernetes-version", sentence, path, fix)


def _disks(subject: Subject) -> Iterator[Finding]:
    for index, disk in enumerate(items(subject.machine.get("disks"))):
        path = ("machine", "disks", str(index))
        if disk is None:
            yield subject.finding("disk", f"machine.disks[{index}] is null", path, "remove the entry")
            continue
        partitions = items(mapping(disk).get("partitions"))
        for position, partition in enumerate(partitions[:-1]):
            if not mapping(partition).get("size"):
                message = (
                    f'partition for disk "{mapping(disk).get("device")}" is set to occupy full disk, '
                    "but it's not the last partition in the list"
                )
                yield subject.finding("disk", message, path + ("partitions", str(position)), "give it a size")


def _files(subject: Subject) -> Iterator[Finding]:
    files = items(subject.machine.get("files"))
    for index, entry in enumerate(files):
        file = mapping(entry)
        target = str(file.get("path") or "")
        allowed = target == _CREATE_ALLOWED or posixpath.normpath(target).startswith("/var/")
        if file.get("op") == "create" and not allowed:
            message = f'create operation not allowed outside of /var: "{target}"'
            fix = "use op overwrite for a file of the image; the node would boot in a loop"
            yield subject.finding("file", message, ("machine", "files", str(index), "op"), fix)
    if files and subject.line >= (1, 14):
        message = ".machine.files is deprecated; use dedicated configuration documents instead"
        yield subject.finding("deprecated", message, ("machine", "files"), "use EtcFileConfig", severity="warning")


def _encryption(subject: Subject) -> Iterator[Finding]:
    for partition, value in mapping(subject.machine.get("systemDiskEncryption")).items():
        path = ("machine", "systemDiskEncryption", partition)
        keys = [mapping(key) for key in items(mapping(value).get("keys"))]
        if not keys:
            message = f'partition "{partition.upper()}": no encryption keys provided'
            yield subject.finding("encryption", message, path, "add a key")
        slots = [key.get("slot", 0) for key in keys]
        for index, key in enumerate(keys):
            if slots[index] in slots[:index]:
                message = f"encryption key slot {slots[index]} is already in use"
                yield subject.finding("encryption", message, path + ("keys", str(index)), "use another slot")
            if not any(key.get(kind) is not None for kind in ("static", "nodeID", "kms", "tpm")):
                message = f"encryption key at slot {slots[index]} doesn't have the configuration parameters"
                fix = "add static, nodeID, kms or tpm"
                yield subject.finding("encryption", message, path + ("keys", str(index)), fix)


def _labels(subject: Subject) -> Iterator[Finding]:
    for section, what in (("nodeLabels", "labels"), ("nodeAnnotations", "annotations"), ("nodeTaints", "taints")):
        for key, value in mapping(subject.machine.get(section)).items():
            fault = _label_fault(str(key), str(value if value is not None else ""), section)
            if fault:
                message = f"invalid machine node {what}: {fault}"
                yield subject.finding("label", message, ("machine", section, str(key)), "correct it")


def _label_fault(key: str, value: str, section: str) -> str:
    prefix, separator, name = key.rpartition("/")
    if separator and (not _LABEL_PREFIX.match(prefix) or len(prefix) > 253):
        return f'prefix "{prefix}" is not a DNS subdomain'
    if not _LABEL_NAME.match(name):
        return f'name "{name}" must consist of letters, digits, "-", "_" or "." and be at most 63 characters long'
    if section == "nodeLabels" and value and not _LABEL_NAME.match(value):
        return f'value "{value}" is not valid'
    if section == "nodeTaints":
        effect = value.rpartition(":")[2]
        if effect not in _TAINT_EFFECTS:
            return f'effect "{effect}" is none of {", ".join(_TAINT_EFFECTS)}'
    return ""


def _features(subject: Subject) -> Iterator[Finding]:
    features = mapping(subject.machine.get("features"))
    access = mapping(features.get("kubernetesTalosAPIAccess"))
    path = ("machine", "features")
    if access.get("enabled"):
        here = path + ("kubernetesTalosAPIAccess",)
        if not subject.config.is_controlplane:
            message = "feature Kubernetes Talos API Access can only be enabled on control plane machines"
            yield subject.finding("talos-api-access", message, here, "remove it from the workers")
        for role in items(access.get("allowedRoles")):
            if role not in _TALOS_ROLES:
                message = f'invalid role "{role}" in allowed roles for Kubernetes Talos API Access'
                yield subject.finding("talos-api-access", message, here, f"use some of {', '.join(_TALOS_ROLES)}")
    yield from _host_dns(subject, mapping(features.get("hostDNS")))


def _host_dns(subject: Subject, declared: dict[str, Any]) -> Iterator[Finding]:
    path = ("machine", "features", "hostDNS")
    if declared.get("forwardKubeDNSToHost") and not declared.get("enabled"):
        message = "feature hostDNS.forwardKubeDNSToHost requires hostDNS.enabled to be true (.machine.features.hostDNS)"
        yield subject.finding("host-dns", message, path, "set enabled: true")
    if subject.mode != "container":
        return
    effective = declared or mapping(mapping(subject.config.document("ResolverConfig")).get("hostDNS"))
    for key, message in (
        ("enabled", "hostDNS must be enabled in container mode"),
        ("forwardKubeDNSToHost", "forwardKubeDNSToHost must be enabled in container mode"),
    ):
        if effective and not effective.get(key):
            yield subject.finding("host-dns", message, path + (key,), f"set {key}: true")
    if not effective:
        yield subject.finding("host-dns", "hostDNS config is required in container mode", path, "add it")


def _registries(subject: Subject) -> Iterator[Finding]:
    registries = mapping(subject.machine.get("registries"))
    for section in ("config", "mirrors"):
        for host, value in mapping(registries.get(section)).items():
            if value is None:
                message = f'registries.{section}["{host}"] is null'
                path = ("machine", "registries", section, host)
                yield subject.finding("registry", message, path, "fill or remove it")
