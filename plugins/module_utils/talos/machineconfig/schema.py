# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys a machine configuration document may have, and of which type.

The generated table lacks what was deprecated before Talos 1.12 and is still accepted; that part is written here.
Sources: siderolabs/talos:pkg/machinery/config/types/v1alpha1/v1alpha1_types.go and the document kinds' own files.

Type expressions: ``string``, ``boolean``, ``integer``, ``any``, ``argument`` (text or list of text), ``(a|b)`` (one of
these words), ``[T]`` (list), ``{T}`` (mapping with free keys), anything else names another type of the table.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents, schema_table
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import MinorVersion

Path = tuple[str, ...]

V1ALPHA1_TYPE = "v1alpha1.Config"
# extraArgs accept lists from this line on.
LIST_ARGUMENTS: MinorVersion = (1, 13)

_DEPRECATED = """
v1alpha1.Config
 persist boolean
v1alpha1.MachineConfig
 type string
 acceptedCAs [v1alpha1.MachineConfig.acceptedCAs]
 disks [v1alpha1.MachineDisk]
 time v1alpha1.TimeConfig
 registries v1alpha1.RegistriesConfig
 systemDiskEncryption v1alpha1.SystemDiskEncryptionConfig
v1alpha1.MachineDisk
 device string
 partitions [v1alpha1.DiskPartition]
v1alpha1.DiskPartition
 size any
 mountpoint string
v1alpha1.TimeConfig
 disabled boolean
 servers [string]
 bootTimeout string
v1alpha1.RegistriesConfig
 mirrors {v1alpha1.RegistryMirrorConfig}
 config {v1alpha1.RegistryConfig}
v1alpha1.RegistryMirrorConfig
 endpoints [string]
 overridePath boolean
 skipFallback boolean
v1alpha1.RegistryConfig
 tls v1alpha1.RegistryTLSConfig
 auth v1alpha1.RegistryAuthConfig
v1alpha1.RegistryTLSConfig
 clientIdentity v1alpha1.MachineConfig.ca
 ca string
 insecureSkipVerify boolean
v1alpha1.RegistryAuthConfig
 username string
 password string
 auth string
 identityToken string
v1alpha1.SystemDiskEncryptionConfig
 state v1alpha1.EncryptionConfig
 ephemeral v1alpha1.EncryptionConfig
v1alpha1.EncryptionConfig
 provider string
 keys [v1alpha1.EncryptionKey]
 cipher string
 keySize integer
 blockSize integer
 options [string]
v1alpha1.EncryptionKey
 static {any}
 nodeID {any}
 kms {any}
 slot integer
 tpm {any}
v1alpha1.InstallConfig
 extraKernelArgs [string]
 extensions [v1alpha1.InstallExtensionConfig]
 bootloader boolean
v1alpha1.InstallExtensionConfig
 image string
v1alpha1.FeaturesConfig
 rbac boolean
 stableHostname boolean
 apidCheckExtKeyUsage boolean
v1alpha1.NetworkConfig
 hostname string
 interfaces [v1alpha1.Device]
 nameservers [string]
 searchDomains [string]
 disableSearchDomain boolean
 extraHostEntries [v1alpha1.ExtraHost]
v1alpha1.ExtraHost
 ip string
 aliases [string]
v1alpha1.Device
 interface string
 deviceSelector v1alpha1.NetworkDeviceSelector
 addresses [string]
 cidr string
 routes [v1alpha1.Route]
 bond v1alpha1.Bond
 bridge v1alpha1.Bridge
 bridgePort v1alpha1.BridgePort
 vlans [v1alpha1.Vlan]
 mtu integer
 dhcp boolean
 ignore boolean
 dummy boolean
 dhcpOptions v1alpha1.DHCPOptions
 wireguard v1alpha1.DeviceWireguardConfig
 vip v1alpha1.DeviceVIPConfig
v1alpha1.NetworkDeviceSelector
 busPath string
 hardwareAddr string
 permanentAddr string
 pciID string
 driver string
 physical boolean
v1alpha1.Route
 network string
 gateway string
 source string
 metric integer
 mtu integer
v1alpha1.DHCPOptions
 routeMetric integer
 ipv4 boolean
 ipv6 boolean
 duidv6 string
v1alpha1.DeviceVIPConfig
 ip string
 equinixMetal {any}
 hcloud {any}
v1alpha1.Vlan
 addresses [string]
 cidr string
 routes [v1alpha1.Route]
 dhcp boolean
 vlanId integer
 mtu integer
 vip v1alpha1.DeviceVIPConfig
 dhcpOptions v1alpha1.DHCPOptions
v1alpha1.Bridge
 interfaces [string]
 stp v1alpha1.STP
 vlan v1alpha1.BridgeVLAN
v1alpha1.STP
 enabled boolean
v1alpha1.BridgeVLAN
 vlanFiltering boolean
v1alpha1.BridgePort
 master string
v1alpha1.Bond
 interfaces [string]
 deviceSelectors [v1alpha1.NetworkDeviceSelector]
 arpIPTarget [string]
 mode string
 xmitHashPolicy string
 lacpRate string
 adActorSystem string
 arpValidate string
 arpAllTargets string
 primary string
 primaryReselect string
 failOverMac string
 adSelect string
 miimon integer
 updelay integer
 downdelay integer
 arpInterval integer
 resendIgmp integer
 minLinks integer
 lpInterval integer
 packetsPerSlave integer
 numPeerNotif integer
 tlbDynamicLb integer
 allSlavesActive integer
 useCarrier boolean
 adActorSysPrio integer
 adUserPortKey integer
 peerNotifyDelay integer
v1alpha1.DeviceWireguardConfig
 privateKey string
 listenPort integer
 firewallMark integer
 peers [v1alpha1.DeviceWireguardPeer]
v1alpha1.DeviceWireguardPeer
 publicKey string
 endpoint string
 persistentKeepaliveInterval string
 allowedIPs [string]
v1alpha1.ClusterConfig
 acceptedCAs [v1alpha1.ClusterConfig.acceptedCAs]
 allowSchedulingOnMasters boolean
v1alpha1.CNIConfig
 name string
v1alpha1.APIServerConfig
 disablePodSecurityPolicy boolean
v1alpha1.EtcdConfig
 subnet string
v1alpha1.LoggingDestination
 endpoint string
runtime.ImageVerificationConfig ImageVerificationConfig 1.13
 rules [any]
"""

# The schemas name these kinds differently from the registry in Talos' code.
_OTHER_NAMES: Mapping[str, str] = {
    "KubeSpanEndpointsConfig": "KubeSpanEndpoints",
    "UnattendedInstallConfig": "UnattendedInstall",
}

# Source: siderolabs/talos:pkg/machinery/config/container/validate.go.
CONTROLPLANE_KINDS = frozenset(
    {
        "KubeAPIServerConfig",
        "KubeAdmissionControlConfig",
        "KubeAggregatorCAConfig",
        "KubeAuditPolicyConfig",
        "KubeAuthenticationConfig",
        "KubeAuthorizerConfig",
        "KubeControllerManagerConfig",
        "KubeCoreDNSConfig",
        "KubeEtcdEncryptionConfig",
        "KubeFlannelCNIConfig",
        "KubeProxyConfig",
        "KubeSchedulerConfig",
        "KubeServiceAccountConfig",
        "KubeTalosAPIAccessConfig",
    }
)


@dataclass(frozen=True)
class Key:
    """A key of a type: its type expression, the Talos line that introduced it, whether a document must have it."""

    type: str
    since: MinorVersion
    required: bool = False


@dataclass(frozen=True)
class Fault:
    """A place in a document that the table does not allow.

    :param reason: ``unknown-kind``, ``kind-too-new``, ``unknown-key``, ``key-too-new``, ``missing``, ``type`` or
        ``value``.
    :param expected: what was expected, in words; for an unknown key or kind empty.
    :param known: the known words at that place, for a suggestion.
    """

    path: Path
    reason: str
    expected: str = ""
    known: tuple[str, ...] = ()


@functools.cache
def types() -> Mapping[str, Mapping[str, Key]]:
    """Return the keys of each type."""
    return _tables()[0]


@functools.cache
def kinds() -> Mapping[str, tuple[str, MinorVersion]]:
    """Return for each document kind its type and the Talos line that introduced it."""
    return _tables()[1]


@functools.cache
def _tables() -> tuple[dict[str, dict[str, Key]], dict[str, tuple[str, MinorVersion]]]:
    table: dict[str, dict[str, Key]] = {}
    known: dict[str, tuple[str, MinorVersion]] = {}
    oldest = _minor(schema_table.OLDEST)
    here: dict[str, Key] = {}
    for line in (schema_table.TABLE + _DEPRECATED).splitlines():
        words = line.split()
        if line.startswith(" "):
            since = _minor(words[2]) if len(words) > 2 else oldest
            here[words[0].rstrip("!")] = Key(words[1], since, words[0].endswith("!"))
        elif words:
            here = table.setdefault(words[0], {})
            if len(words) > 1:
                known[words[1]] = (words[0], _minor(words[2]) if len(words) > 2 else oldest)
    for name, schema_name in _OTHER_NAMES.items():
        if schema_name in known:
            known[name] = known[schema_name]
    return table, known


def _minor(text: str) -> MinorVersion:
    major, minor = text.split(".")
    return int(major), int(minor)


def check(document: documents.Document, line: MinorVersion) -> Iterator[Fault]:
    """Compare one document with the table.

    :param line: the Talos line that is to read the document.
    """
    if "kind" not in document:
        yield from _check_type(document, V1ALPHA1_TYPE, (), line)
        return
    kind = str(document["kind"])
    if kind not in kinds():
        yield Fault(("kind",), "unknown-kind", known=tuple(sorted(kinds())))
        return
    name, since = kinds()[kind]
    if since > line:
        yield Fault(("kind",), "kind-too-new", f"Talos {_dotted(since)} or newer")
        return
    body = {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}
    yield from _check_type(body, name, (), line)
    for word, key in types()[name].items():
        if key.required and body.get(word) in (None, "", [], {}):
            yield Fault((word,), "missing")


def _check_type(value: Any, name: str, path: Path, line: MinorVersion) -> Iterator[Fault]:
    keys = types().get(name)
    if keys is None:
        return
    if not isinstance(value, Mapping):
        yield Fault(path, "type", "a mapping")
        return
    for word, item in value.items():
        here = path + (word,)
        key = keys.get(word)
        if key is None:
            yield Fault(here, "unknown-key", known=tuple(known for known in keys if keys[known].since <= line))
        elif key.since > line:
            yield Fault(here, "key-too-new", f"Talos {_dotted(key.since)} or newer")
        elif item is not None:
            yield from _check_value(item, key.type, here, line)


def _check_value(value: Any, expression: str, path: Path, line: MinorVersion) -> Iterator[Fault]:
    if value is None:
        return
    if expression.startswith("["):
        if not isinstance(value, list):
            yield Fault(path, "type", "a list")
            return
        for index, item in enumerate(value):
            yield from _check_value(item, expression[1:-1], path + (str(index),), line)
    elif expression.startswith("{"):
        if not isinstance(value, Mapping):
            yield Fault(path, "type", "a mapping")
            return
        for word, item in value.items():
            yield from _check_value(item, expression[1:-1], path + (word,), line)
    elif expression.startswith("("):
        words = expression[1:-1].split("|")
        if _text(value) not in words:
            yield Fault(path, "value", f"one of {', '.join(words)}", tuple(words))
    elif expression in _SCALARS:
        if not _SCALARS[expression](value, line):
            yield Fault(path, "type", _WORDS[expression])
    else:
        yield from _check_type(value, expression, path, line)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_scalar(value: Any, line: MinorVersion) -> bool:
    return isinstance(value, (str, int, float, bool))


def _is_boolean(value: Any, line: MinorVersion) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"))


def _is_integer(value: Any, line: MinorVersion) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_argument(value: Any, line: MinorVersion) -> bool:
    if isinstance(value, list):
        return line >= LIST_ARGUMENTS and all(_is_scalar(item, line) for item in value)
    return _is_scalar(value, line)


_SCALARS: Mapping[str, Any] = {
    "any": lambda value, line: True,
    "string": _is_scalar,
    "boolean": _is_boolean,
    "integer": _is_integer,
    "argument": _is_argument,
}
_WORDS: Mapping[str, str] = {
    "any": "anything",
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "argument": "a string (or, from Talos 1.13 on, a list of strings)",
}


def _dotted(line: MinorVersion) -> str:
    return f"{line[0]}.{line[1]}"
