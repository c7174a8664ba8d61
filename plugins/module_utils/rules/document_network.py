# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about links, addresses, routes and names: the legacy interfaces and the network documents."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import (
    Subject,
    is_address,
    is_prefix,
    items,
    mapping,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import Document

LINK_KINDS = (
    "LinkConfig",
    "VLANConfig",
    "BondConfig",
    "BridgeConfig",
    "DummyLinkConfig",
    "WireguardConfig",
    "VRFConfig",
    "VethConfig",
)
# VRFConfig and VethConfig have no rules of their own here beyond those of every link.
KINDS = (
    *("LinkConfig", "VLANConfig", "BondConfig", "BridgeConfig", "DummyLinkConfig", "WireguardConfig"),
    *("HostnameConfig", "Layer2VIPConfig", "HCloudVIPConfig", "StaticHostConfig", "ResolverConfig", "LinkAliasConfig"),
)
_INTERFACES = ("machine", "network", "interfaces")
_HOST_LABEL = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$")


def check(subject: Subject) -> Iterator[Finding]:
    """Yield the findings about the legacy network section and the network documents."""
    yield from _legacy(subject)
    for document in subject.config.documents:
        kind = document.get("kind")
        if kind in LINK_KINDS:
            yield from _link(subject, document)
        elif kind == "HostnameConfig":
            yield from _hostname(subject, document)
        elif kind in ("Layer2VIPConfig", "HCloudVIPConfig"):
            yield from _shared_address(subject, document)
        elif kind == "StaticHostConfig":
            yield from _static_host(subject, document)
        elif kind == "ResolverConfig":
            yield from _resolver(subject, document)
        elif kind == "LinkAliasConfig" and not mapping(document.get("selector")).get("match"):
            message = "link selector match must be specified"
            yield subject.finding("link", message, ("selector", "match"), "add the expression", document=document)
    yield from _conflicting_links(subject)


def _legacy(subject: Subject) -> Iterator[Finding]:
    network = mapping(subject.machine.get("network"))
    seen: set[str] = set()
    for index, entry in enumerate(items(network.get("interfaces"))):
        device = mapping(entry)
        path = _INTERFACES + (str(index),)
        yield from _device_name(subject, device, path)
        name = str(device.get("interface") or "")
        if name and name in seen and not device.get("vlans"):
            message = f'interface "{name}" is declared as part of two separate links: interface list twice'
            yield subject.finding("interface", message, path, "merge both entries")
        seen.add(name)
        yield from _device_addresses(subject, device, path)
        yield from _device_bond(subject, device, path)
        yield from _device_vips(subject, device, path)
        yield from _wireguard_keys(subject, mapping(device.get("wireguard")), path + ("wireguard",))


def _device_name(subject: Subject, device: dict[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    names = "[networking.os.device.interface], [networking.os.device.deviceSelector]"
    if device.get("interface") and device.get("deviceSelector"):
        message = f"{names}: config sections are mutually exclusive"
        yield subject.finding("interface", message, path, "keep one of them")
    if not device.get("interface") and not device.get("deviceSelector"):
        message = f"{names}: required either config section to be set"
        yield subject.finding("interface", message, path, "add interface or deviceSelector")
    if device.get("bond") and device.get("bridge"):
        message = f'interface has both bridge and bond sections set "{device.get("interface")}": mutually exclusive'
        yield subject.finding("interface", message, path, "keep one of them")


def _device_addresses(subject: Subject, device: dict[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    if device.get("cidr") and device.get("addresses"):
        message = "interface can't have both .cidr and .addresses set"
        yield subject.finding("interface", message, path, "move cidr into addresses")
    elif device.get("cidr"):
        message = "machine.network.interface.cidr is deprecated, please use machine.network.interface.addresses"
        yield subject.finding("deprecated", message, path + ("cidr",), "use addresses", severity="warning")
    for position, address in enumerate(items(device.get("addresses"))):
        if not is_prefix(address) and not is_address(address):
            message = f'[networking.os.device.addresses[{position}]] "{address}": invalid network address'
            yield subject.finding("interface", message, path + ("addresses",), "write it like 198.18.1.11/24")
    for position, route in enumerate(items(device.get("routes"))):
        gateway = mapping(route).get("gateway")
        if gateway and not is_address(gateway):
            message = f'[networking.os.device.route[{position}].gateway] "{gateway}": invalid network address'
            yield subject.finding("interface", message, path + ("routes", str(position)), "write it like 198.18.1.1")
    for position, vlan in enumerate(items(device.get("vlans"))):
        if mapping(vlan).get("cidr") and mapping(vlan).get("addresses"):
            message = "vlan can't have both .cidr and .addresses set"
            yield subject.finding("interface", message, path + ("vlans", str(position)), "move cidr into addresses")


def _device_bond(subject: Subject, device: dict[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    bond = mapping(device.get("bond"))
    if not bond:
        return
    if not bond.get("interfaces") and not bond.get("deviceSelectors"):
        message = "[networking.os.device.bond]: interfaces or deviceSelectors must be set"
        yield subject.finding("interface", message, path + ("bond",), "name the links of the bond")
    if bond.get("lacpRate") and bond.get("mode") != "802.3ad":
        message = "bond.lacpRate is only available in 802.3ad mode"
        yield subject.finding("interface", message, path + ("bond", "lacpRate"), "use mode 802.3ad")
    interval = bond.get("miimon")
    for key in ("updelay", "downdelay"):
        delay = bond.get(key)
        if isinstance(delay, int) and delay and (not isinstance(interval, int) or not interval or delay % interval):
            message = f"bond.{key} must be a multiple of miimon"
            yield subject.finding("interface", message, path + ("bond", key), "correct it")


def _device_vips(subject: Subject, device: dict[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    owners = [(device, path)]
    owners += [
        (mapping(vlan), path + ("vlans", str(position))) for position, vlan in enumerate(items(device.get("vlans")))
    ]
    for owner, here in owners:
        if not owner.get("vip"):
            continue
        if not subject.config.is_controlplane:
            message = "virtual (shared) IP is not allowed on non-controlplane nodes"
            yield subject.finding("vip", message, here + ("vip",), "remove it from the workers")
        address = mapping(owner["vip"]).get("ip")
        if not is_address(address):
            message = f'[networking.os.device.vip] "{address}": failed to parse virtual IP address'
            yield subject.finding("vip", message, here + ("vip", "ip"), "write it like 198.18.1.10")


def _link(subject: Subject, document: Document) -> Iterator[Finding]:
    if not document.get("name"):
        yield subject.finding("link", "name must be specified", ("name",), "add the link's name", document=document)
    for index, entry in enumerate(items(document.get("addresses"))):
        if not is_prefix(mapping(entry).get("address")):
            message = f"address {index} must be a valid IP prefix"
            path = ("addresses", str(index), "address")
            yield subject.finding("link", message, path, "write it like 198.18.1.11/24", document=document)
    for index, entry in enumerate(items(document.get("routes"))):
        yield from _route(subject, document, index, mapping(entry))
    yield from _link_kind(subject, document)


def _route(subject: Subject, document: Document, index: int, route: dict[str, Any]) -> Iterator[Finding]:
    path = ("routes", str(index))
    destination, gateway = route.get("destination"), route.get("gateway")
    if destination and not is_prefix(destination):
        message = f"route {index} destination must be a valid IP prefix"
        yield subject.finding("link", message, path, "write it like 198.51.100.0/24", document=document)
    if gateway and not is_address(gateway):
        message = f"route {index} gateway must be a valid IP address"
        yield subject.finding("link", message, path, "write it like 198.18.1.1", document=document)
    if not destination and not gateway:
        message = f"route {index} must have either destination or gateway specified"
        yield subject.finding("link", message, path, "add a gateway", document=document)


def _link_kind(subject: Subject, document: Document) -> Iterator[Finding]:
    kind = document["kind"]
    faults: list[tuple[str, str]] = []
    if kind == "VLANConfig":
        number = document.get("vlanID")
        if not isinstance(number, int) or not 1 <= number <= 4094:
            faults.append(("vlanID", "vlanID must be specified and between 1 and 4094"))
        if not document.get("parent"):
            faults.append(("parent", "parent must be specified"))
        if document.get("vlanMode") not in (None, "", "802.1q", "802.1ad"):
            faults.append(("vlanMode", "vlanMode must be either '802.1q' or '802.1ad'"))
    elif kind == "BondConfig":
        if not document.get("links"):
            faults.append(("links", "at least one link must be specified"))
        if not document.get("bondMode"):
            faults.append(("bondMode", "bond mode must be specified"))
    for key, message in faults:
        yield subject.finding("link", message, (key,), "correct it", document=document)
    if kind == "WireguardConfig":
        yield from _wireguard_document(subject, document)


def _wireguard_document(subject: Subject, document: Document) -> Iterator[Finding]:
    fix = "create a key with wg genkey"
    if not document.get("privateKey"):
        message = "wireguard private key must be specified"
        yield subject.finding("link", message, ("privateKey",), fix, document=document)
    elif _key_length(document["privateKey"]) != 32:
        message = "wireguard private key is invalid: wrong length"
        yield subject.finding("link", message, ("privateKey",), fix, document=document)
    for index, peer in enumerate(items(document.get("peers"))):
        if _key_length(mapping(peer).get("publicKey")) != 32:
            message = f"wireguard peer public key is invalid (peer index {index}): wrong length"
            path = ("peers", str(index), "publicKey")
            yield subject.finding("link", message, path, "use the peer's key of wg pubkey", document=document)


def _wireguard_keys(subject: Subject, section: dict[str, Any], path: tuple[str, ...]) -> Iterator[Finding]:
    private = section.get("privateKey")
    if private and _key_length(private) != 32:
        message = f'wrong key "<hidden>" length: {_key_length(private)}'
        yield subject.finding("interface", message, path + ("privateKey",), "create a key with wg genkey")
    for index, peer in enumerate(items(section.get("peers"))):
        public = mapping(peer).get("publicKey")
        if _key_length(public) != 32:
            message = f'wrong key "{public}" length: {_key_length(public)}'
            yield subject.finding("interface", message, path + ("peers", str(index), "publicKey"), "use wg pubkey")


def _key_length(value: Any) -> int:
    try:
        return len(base64.b64decode(str(value or ""), validate=True))
    except (binascii.Error, ValueError):
        return 0


def _hostname(subject: Subject, document: Document) -> Iterator[Finding]:
    auto, hostname = document.get("auto"), document.get("hostname")
    if auto and hostname:
        message = "'auto' and 'hostname' cannot be set at the same time"
        yield subject.finding("hostname", message, (), "remove auto", document=document)
    elif not auto and not hostname:
        message = "either 'auto' or 'hostname' must be set"
        yield subject.finding("hostname", message, (), "add hostname", document=document)
    if not hostname:
        return
    name = str(hostname)
    if len(name) > 253:
        message = f"fqdn is too long: {len(name)}"
        yield subject.finding("hostname", message, ("hostname",), "shorten it", document=document)
    elif not all(_HOST_LABEL.match(part) for part in name.split(".")):
        message = f'invalid hostname "{name}"'
        yield subject.finding("hostname", message, ("hostname",), "use letters, digits and dashes", document=document)


def _shared_address(subject: Subject, document: Document) -> Iterator[Finding]:
    if not is_address(document.get("name")):
        message = "name must be a valid IP address"
        yield subject.finding("vip", message, ("name",), "write it like 198.18.1.10", document=document)
    if not document.get("link"):
        yield subject.finding("vip", "link must be specified", ("link",), "name the link", document=document)
    if not subject.config.is_controlplane and subject.config.v1alpha1:
        message = "virtual (shared) IP is not allowed on non-controlplane nodes"
        yield subject.finding("vip-document", message, (), "remove it from the workers", document=document)


def _static_host(subject: Subject, document: Document) -> Iterator[Finding]:
    if not is_address(document.get("name")):
        message = "name must be a valid IP address"
        yield subject.finding("static-host", message, ("name",), "write it like 198.18.1.10", document=document)
    if not document.get("hostnames"):
        message = "at least one hostname is required"
        yield subject.finding("static-host", message, ("hostnames",), "add hostnames", document=document)


def _resolver(subject: Subject, document: Document) -> Iterator[Finding]:
    for index, entry in enumerate(items(document.get("nameservers"))):
        if not is_address(mapping(entry).get("address")):
            message = f"nameserver {index} must be a valid IP address"
            path = ("nameservers", str(index), "address")
            yield subject.finding("resolver", message, path, "write it like 198.18.1.1", document=document)


def _conflicting_links(subject: Subject) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for document in subject.config.documents:
        kind, name = str(document.get("kind", "")), str(document.get("name", ""))
        if kind not in LINK_KINDS or not name:
            continue
        if name in owners and owners[name] != kind:
            message = f"conflicting documents: {owners[name]}/{name} and {kind}/{name}"
            yield subject.finding("conflict", message, ("name",), "keep one of them", document=document)
        owners.setdefault(name, kind)
