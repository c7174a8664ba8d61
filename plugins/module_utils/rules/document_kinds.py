# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about single documents beside v1alpha1 that are not about the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import (
    Subject,
    is_prefix,
    items,
    mapping,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import Document

Fault = tuple[str, tuple[str, ...], str, str]
_VOLUME_NAME = re.compile(r"^[A-Za-z0-9-]+$")
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_DURATION = re.compile(r"^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PROVISIONED = ("UserVolumeConfig", "RawVolumeConfig", "SwapVolumeConfig")
_SYSTEM_VOLUMES = ("STATE", "EPHEMERAL", "IMAGECACHE", "ETCD")


def check(subject: Subject) -> Iterator[Finding]:
    """Yield the findings of each document, with Talos' sentences; the id ends with the topic of the rule."""
    for document in subject.config.documents:
        rule = _RULES.get(str(document.get("kind", "")))
        if rule is None:
            continue
        for topic, path, message, fix in rule(document):
            yield subject.finding(topic, message, path, fix, document=document)


def _extension_service(document: Document) -> Iterator[Fault]:
    name = document.get("name")
    if not name:
        yield "extension-service", ("name",), "name is required", "use the name of the service without ext-"
    elif str(name).startswith("ext-"):
        yield "extension-name", ("name",), f'no extension service is called "{name}"', "leave out ext-"
    files, environment = items(document.get("configFiles")), items(document.get("environment"))
    if not files and not environment:
        message = f'no config files found for extension "{name}"'
        yield "extension-service", (), message, "add environment or configFiles"
    for index, entry in enumerate(files):
        path = ("configFiles", str(index))
        if not mapping(entry).get("content"):
            yield "extension-service", path, f'extension content is required for extension "{name}"', "add content"
        if not mapping(entry).get("mountPath"):
            message = f'extension mount path is required for extension "{name}"'
            yield "extension-service", path, message, "add mountPath"
    for index, variable in enumerate(environment):
        if "=" not in str(variable):
            path = ("environment", str(index))
            yield "extension-environment", path, "environment variable has no value", "write it as NAME=value"


def _registry(document: Document) -> Iterator[Fault]:
    if not document.get("name"):
        yield "registry", ("name",), "name must be specified", "use the host of the registry"
    if document["kind"] == "RegistryMirrorConfig":
        for index, entry in enumerate(items(document.get("endpoints"))):
            path = ("endpoints", str(index), "url")
            url = mapping(entry).get("url")
            if not url:
                yield "registry", path, f"endpoints[{index}].url must be specified", "add the url"
            elif urlsplit(str(url)).scheme not in ("http", "https"):
                scheme = urlsplit(str(url)).scheme
                yield "registry", path, f"endpoints[{index}].url has unsupported scheme: {scheme!r}", "use https"
    elif document["kind"] == "RegistryAuthConfig":
        basic = document.get("username") or document.get("password")
        if basic and document.get("identityToken"):
            message = "only one of username/password or identityToken authentication can be specified"
            yield "registry", ("identityToken",), message, "keep one of them"
    elif document.get("ca") and "-----BEGIN CERTIFICATE-----" not in str(document["ca"]):
        yield "registry", ("ca",), "ca must be a valid PEM-encoded certificate", "paste the PEM text"


def _volume(document: Document) -> Iterator[Fault]:
    name = str(document.get("name") or "")
    if not name:
        yield "volume", ("name",), "name is required", "add a name"
    elif len(name) > 34:
        yield "volume", ("name",), "name must be between 1 and 34 characters long", "shorten it"
    elif not _VOLUME_NAME.match(name):
        message = "name can only contain lowercase and uppercase ASCII letters, digits, and hyphens"
        yield "volume", ("name",), message, "rename it"
    provisioning = mapping(document.get("provisioning"))
    if document["kind"] in _PROVISIONED and document.get("volumeType") in (None, "", "partition", "disk"):
        if not mapping(provisioning.get("diskSelector")).get("match"):
            path = ("provisioning", "diskSelector", "match")
            yield "volume", path, "disk selector is required", "add the expression"
        has_size = provisioning.get("minSize") or provisioning.get("maxSize")
        if document.get("volumeType") != "disk" and not has_size:
            yield "volume", ("provisioning",), "min size or max size is required", "add minSize"
    filesystem = mapping(document.get("filesystem")).get("type")
    if filesystem not in (None, "", "ext4", "xfs"):
        yield "volume", ("filesystem", "type"), f"unsupported filesystem type: {filesystem}", "use xfs or ext4"


def _system_volume(document: Document) -> Iterator[Fault]:
    name = document.get("name")
    # Newer lines add volumes; all of them are named in capitals.
    if name not in _SYSTEM_VOLUMES and not str(name or "").isupper():
        names = " ".join(f'"{known}"' for known in _SYSTEM_VOLUMES)
        yield "volume", ("name",), f"only [{names}] volumes are supported", "use UserVolumeConfig for your own"
    elif name == "STATE" and document.get("provisioning"):
        message = 'provisioning config is not allowed for the "STATE" volume'
        yield "volume", ("provisioning",), message, "remove it"
    encryption = document.get("encryption")
    keys = [mapping(key) for key in items(mapping(encryption).get("keys"))]
    if encryption and not keys:
        yield "volume", ("encryption", "keys"), "encryption keys are required", "add a key"
    slots = [key.get("slot", 0) for key in keys]
    for index, key in enumerate(keys):
        path = ("encryption", "keys", str(index))
        if slots[index] in slots[:index]:
            yield "volume", path, f"duplicate key slot {slots[index]}", "use another slot"
        if not any(key.get(kind) is not None for kind in ("static", "nodeID", "kms", "tpm")):
            message = f"at least one encryption key type must be specified for slot {slots[index]}"
            yield "volume", path, message, "add static, nodeID, kms or tpm"


def _watchdog(document: Document) -> Iterator[Fault]:
    if not document.get("device"):
        yield "watchdog", ("device",), "watchdog device: empty value", "write it like /dev/watchdog0"
    timeout = document.get("timeout")
    if timeout is not None and seconds(str(timeout)) < 10:
        yield "watchdog", ("timeout",), "watchdog timeout: minimum value is 10s", "raise it"


def _kernel_log(document: Document) -> Iterator[Fault]:
    if not document.get("name"):
        yield "kernel-log", ("name",), "name is required", "add a name"
    if not document.get("url"):
        yield "kernel-log", ("url",), "url is required", "write it like tcp://198.18.1.2:5555/"
        return
    parts = urlsplit(str(document["url"]))
    if parts.scheme not in ("tcp", "udp"):
        yield "kernel-log", ("url",), "url scheme must be tcp:// or udp://", "correct it"
    if parts.path not in ("", "/"):
        yield "kernel-log", ("url",), "url path must be empty", "remove the path"
    if ":" not in parts.netloc.rpartition("]")[2]:
        yield "kernel-log", ("url",), "url port is required", "add the port"


def _firewall_rule(document: Document) -> Iterator[Fault]:
    if not document.get("name"):
        yield "firewall", ("name",), "name is required", "add a name"
    if not mapping(document.get("portSelector")).get("ports"):
        yield "firewall", ("portSelector", "ports"), "portSelector.ports is required", "add the ports"
    for index, entry in enumerate(items(document.get("ingress"))):
        for key in ("subnet", "except"):
            subnet = mapping(entry).get(key)
            if subnet and not is_prefix(subnet):
                path = ("ingress", str(index), key)
                yield "firewall", path, f"invalid subnet: {subnet}", "write it like 198.18.1.0/24"


def _time(document: Document) -> Iterator[Fault]:
    if document.get("ntp") and document.get("ptp"):
        message = "only one of ntp or ptp configuration can be specified"
        yield "time", (), message, "keep one of them"
    if str(document.get("bootTimeout") or "").startswith("-"):
        yield "time", ("bootTimeout",), "bootTimeout cannot be negative", "correct it"


def _environment(document: Document) -> Iterator[Fault]:
    for name in mapping(document.get("variables")):
        if not _VARIABLE.match(str(name)):
            message = f'invalid environment variable name: "{name}"'
            yield "environment", ("variables", str(name)), message, "rename it"


def _named(document: Document) -> Iterator[Fault]:
    if not document.get("name"):
        yield "name", ("name",), "name is required", "add a name"


def _unattended_install(document: Document) -> Iterator[Fault]:
    if not mapping(mapping(document.get("provisioning")).get("diskSelector")).get("match"):
        path = ("provisioning", "diskSelector", "match")
        yield "install", path, "provisioning.volumeSelector.match is required", "add the expression"


def seconds(text: str) -> float:
    """Return a Go duration such as ``1m30s`` in seconds; 0 when it is not one."""
    if not _DURATION.match(text):
        return 0.0
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


_RULES: Mapping[str, Callable[[Document], Iterator[Fault]]] = {
    "ExtensionServiceConfig": _extension_service,
    "RegistryMirrorConfig": _registry,
    "RegistryAuthConfig": _registry,
    "RegistryTLSConfig": _registry,
    "UserVolumeConfig": _volume,
    "RawVolumeConfig": _volume,
    "SwapVolumeConfig": _volume,
    "ExistingVolumeConfig": _volume,
    "ExternalVolumeConfig": _volume,
    "VolumeConfig": _system_volume,
    "WatchdogTimerConfig": _watchdog,
    "KmsgLogConfig": _kernel_log,
    "NetworkRuleConfig": _firewall_rule,
    "TimeSyncConfig": _time,
    "EnvironmentConfig": _environment,
    "KernelModuleConfig": _named,
    "TrustedRootsConfig": _named,
    "UnattendedInstallConfig": _unattended_install,
}

KINDS = tuple(_RULES)
