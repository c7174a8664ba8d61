# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed form (proto_spec) of those resources that typed clients read.

Source: siderolabs/talos:api/resource/definitions/**.proto; field numbers are the ``protobuf`` tags of
pkg/machinery/resources. Resources without an entry have an empty proto_spec: their readers use YAML.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

from ansible_collections.homelab.talos.lab.machined import definitions
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message

STAGES = (
    "unknown",
    "booting",
    "installing",
    "maintenance",
    "running",
    "rebooting",
    "shutting down",
    "resetting",
    "upgrading",
)
MACHINE_TYPES = ("unknown", "init", "controlplane", "worker")
VOLUME_PHASES = ("waiting", "failed", "missing", "located", "provisioned", "prepared", "ready", "closed")
VOLUME_TYPES = ("partition", "disk", "tmpfs", "directory", "symlink", "overlay", "external")
FILESYSTEMS = ("none", "xfs", "vfat", "ext4", "iso9660", "swap", "virtiofs")

Encoder = Callable[[Any], bytes]
Fields = Mapping[str, tuple[int, Encoder]]


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _number(value: Any) -> bytes:
    return b"\x00" + _varint(int(value))


def _text(value: Any) -> bytes:
    return b"\x02" + str(value).encode()


def _choice(words: tuple[str, ...]) -> Encoder:
    return lambda value: _number(words.index(value))


def _ip(value: Any) -> bytes:
    packed = ipaddress.ip_address(value).packed
    return b"\x02" + b"\x0a" + _varint(len(packed)) + packed


def _prefix(value: Any) -> bytes:
    prefix = ipaddress.ip_interface(value)
    packed = prefix.ip.packed
    return b"\x02" + b"\x0a" + _varint(len(packed)) + packed + b"\x10" + _varint(prefix.network.prefixlen)


def _nested(fields: Fields) -> Encoder:
    return lambda value: b"\x02" + encode(fields, value)


def _struct(value: Mapping[str, Any]) -> bytes:
    return b"\x02" + json_format.ParseDict(dict(value), struct_pb2.Struct()).SerializeToString(deterministic=True)


def encode(fields: Fields, spec: Mapping[str, Any]) -> bytes:
    """Encode *spec* as the protobuf message described by *fields* (name -> number and encoder).

    An encoder returns one byte wire type (0 varint, 2 length-delimited) and the payload; lists become
    repeated fields, missing and empty values are left out.
    """
    encoded = b""
    for name, (number, encoder) in fields.items():
        value = spec.get(name)
        for item in value if isinstance(value, list | tuple) else [value]:
            if item in (None, "", False, 0):
                continue
            wire = encoder(item)
            kind, payload = wire[0], wire[1:]
            if (kind, payload) == (0, b"\x00"):
                continue  # proto3 leaves zero values out
            encoded += _varint(number << 3 | kind) + (payload if kind == 0 else _varint(len(payload)) + payload)
    return encoded


_FIELDS: dict[str, Fields] = {
    "MachineStatuses.runtime.talos.dev": {
        "stage": (1, _choice(STAGES)),
        "status": (
            2,
            _nested(
                {
                    "ready": (1, _number),
                    "unmetConditions": (2, _nested({"name": (1, _text), "reason": (2, _text)})),
                }
            ),
        ),
    },
    "Members.cluster.talos.dev": {
        "nodeId": (1, _text),
        "addresses": (2, _ip),
        "hostname": (3, _text),
        "machineType": (4, _choice(MACHINE_TYPES)),
        "operatingSystem": (5, _text),
        "controlPlane": (6, _nested({"port": (1, _number)})),
    },
    "Infos.cluster.talos.dev": {"clusterId": (1, _text), "clusterName": (2, _text)},
    "Identities.cluster.talos.dev": {"nodeId": (1, _text)},
    "Nodenames.kubernetes.talos.dev": {
        "nodename": (1, _text),
        "hostnameVersion": (2, _text),
        "skipNodeRegistration": (3, _number),
    },
    "NodeAddresses.net.talos.dev": {
        "addresses": (1, _prefix),
        "sortAlgorithm": (2, _choice(("v1", "v2"))),
    },
    "Services.v1alpha1.talos.dev": {"running": (1, _number), "healthy": (2, _number), "unknown": (3, _number)},
    "HostnameStatuses.net.talos.dev": {"hostname": (1, _text), "domainname": (2, _text)},
    "Disks.block.talos.dev": {
        "size": (1, _number),
        "io_size": (2, _number),
        "sector_size": (3, _number),
        "readonly": (4, _number),
        "model": (5, _text),
        "serial": (6, _text),
        "bus_path": (9, _text),
        "sub_system": (10, _text),
        "transport": (11, _text),
        "rotational": (12, _number),
        "dev_path": (14, _text),
        "pretty_size": (15, _text),
    },
    "VolumeStatuses.block.talos.dev": {
        "phase": (1, _choice(VOLUME_PHASES)),
        "location": (2, _text),
        "parentLocation": (7, _text),
        "partitionIndex": (8, _number),
        "size": (9, _number),
        "filesystem": (10, _choice(FILESYSTEMS)),
        "mountLocation": (11, _text),
        "prettySize": (13, _text),
        "type": (16, _choice(VOLUME_TYPES)),
    },
    "Diagnostics.runtime.talos.dev": {"message": (1, _text), "details": (2, _text)},
    "SystemDisks.block.talos.dev": {"diskID": (1, _text), "devPath": (2, _text)},
    "BootIDs.runtime.talos.dev": {"bootID": (1, _text)},
    "BootstrapManifestsConfigs.kubernetes.talos.dev": {
        "string": (1, _text),
        "clusterDomain": (2, _text),
        "podCIDRs": (3, _text),
        "proxyEnabled": (4, _number),
        "proxyImage": (5, _text),
        "proxyArgs": (6, _text),
        "coreDNSEnabled": (7, _number),
        "coreDNSImage": (8, _text),
        "dnsServiceIP": (9, _text),
        "dnsServiceIPv6": (10, _text),
        "flannelEnabled": (11, _number),
        "cniName": (21, _text),
    },
    definitions.NAMESPACE_TYPE: {"description": (1, _text)},
}


def _definition(spec: Mapping[str, Any]) -> bytes:
    encoded = message("cosi.resource.meta.ResourceDefinitionSpec")(
        resource_type=spec["type"],
        display_type=spec["displayType"],
        default_namespace=spec["defaultNamespace"],
        aliases=spec["aliases"],
        all_aliases=spec["allAliases"],
        sensitivity="SENSITIVE" if spec["sensitivity"] else "NON_SENSITIVE",
    )
    for column in spec["printColumns"]:
        encoded.print_columns.add(name=column["name"], json_path=column["jsonPath"])
    return bytes(encoded.SerializeToString())


def proto_spec(type: str, spec: Any) -> bytes:
    """Return the typed form of a resource's spec, empty for types without one."""
    if type == definitions.DEFINITION_TYPE:
        return _definition(spec)
    if type == "MachineConfigs.config.talos.dev":
        return encode({"yaml": (1, _text)}, {"yaml": spec})
    if type == "MachineTypes.config.talos.dev":
        return encode({"type": (1, _choice(MACHINE_TYPES))}, {"type": spec})
    if type in ("StaticPods.kubernetes.talos.dev", "StaticPodStatuses.kubernetes.talos.dev"):
        return encode({"object": (1, _struct)}, {"object": spec})
    fields = _FIELDS.get(type)
    return encode(fields, spec) if fields is not None else b""
