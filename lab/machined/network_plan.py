# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine configuration says about the network, read out of both of its forms.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/network (v1alpha1 interfaces and the
documents LinkConfig, ResolverConfig, HostnameConfig, StaticHostConfig).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

# Source: siderolabs/talos:pkg/machinery/constants/constants.go
DEFAULT_NAMESERVERS = ("1.1.1.1", "8.8.8.8")
DEFAULT_METRIC = 1024


@dataclass(frozen=True)
class Route:
    """A static route; an empty destination is the default route."""

    destination: str
    gateway: str
    metric: int = DEFAULT_METRIC


@dataclass(frozen=True)
class LinkPlan:
    """What one link shall have; no addresses means: keep the lease."""

    name: str
    addresses: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    mtu: int = 0


@dataclass(frozen=True)
class SharedAddress:
    """An address that moves between the control planes, and the link of this node that may carry it."""

    link: str
    address: str

    @property
    def prefix(self) -> str:
        """The address with the length of a host prefix, as the link carries it."""
        return f"{self.address}/{ipaddress.ip_address(self.address).max_prefixlen}"


def shared_addresses(config: MachineConfig | None, physical: str) -> list[SharedAddress]:
    """Return the shared addresses of a configuration; *physical* is the link that a device selector finds."""
    if config is None:
        return []
    found = []
    for device in config.value("machine", "network", "interfaces", default=[]):
        link = str(device.get("interface") or physical)
        owners = [(link, device), *((f"{link}.{each.get('vlanId')}", each) for each in device.get("vlans") or ())]
        if not device.get("ignore"):
            found += [SharedAddress(name, str(each["vip"]["ip"])) for name, each in owners if each.get("vip")]
    documents = config.documents_of("Layer2VIPConfig")
    return found + [SharedAddress(str(each.get("link")), str(each.get("name"))) for each in documents]


def links(config: MachineConfig, physical: str) -> list[LinkPlan]:
    """Return the plans of a configuration; *physical* is the link that a device selector finds."""
    legacy = config.value("machine", "network", "interfaces", default=[])
    plans = [_legacy_link(each, physical) for each in legacy if not each.get("ignore")]
    return plans + [_link(each) for each in config.documents_of("LinkConfig")]


def _legacy_link(interface: Mapping[str, Any], physical: str) -> LinkPlan:
    addresses = [*(interface.get("addresses") or ()), *([interface["cidr"]] if interface.get("cidr") else [])]
    routes = tuple(
        Route(
            _destination(each.get("network")), str(each.get("gateway") or ""), int(each.get("metric") or DEFAULT_METRIC)
        )
        for each in interface.get("routes") or ()
    )
    return LinkPlan(
        str(interface.get("interface") or physical), tuple(addresses), routes, int(interface.get("mtu") or 0)
    )


def _link(document: Mapping[str, Any]) -> LinkPlan:
    addresses = tuple(str(each["address"]) for each in document.get("addresses") or () if each.get("address"))
    routes = tuple(
        Route(
            _destination(each.get("destination")),
            str(each.get("gateway") or ""),
            int(each.get("metric") or DEFAULT_METRIC),
        )
        for each in document.get("routes") or ()
    )
    return LinkPlan(str(document.get("name")), addresses, routes, int(document.get("mtu") or 0))


def _destination(text: str | None) -> str:
    return "" if text in (None, "", "0.0.0.0/0", "::/0") else str(text)


def nameservers(config: MachineConfig | None) -> list[str]:
    """Return the resolvers' addresses, Talos' defaults when none are configured."""
    if config is None:
        return list(DEFAULT_NAMESERVERS)
    document = config.document("ResolverConfig") or {}
    found = [str(each["address"]) for each in document.get("nameservers") or () if each.get("address")]
    found += [str(each) for each in config.value("machine", "network", "nameservers", default=[])]
    return found or list(DEFAULT_NAMESERVERS)


def search_domains(config: MachineConfig | None) -> list[str]:
    """Return the configured search domains."""
    if config is None:
        return []
    document = config.document("ResolverConfig") or {}
    found = (document.get("searchDomains") or {}).get("domains") or ()
    return [*found, *config.value("machine", "network", "searchDomains", default=[])]


def static_hosts(config: MachineConfig | None) -> dict[str, list[str]]:
    """Return address -> names of additional hosts."""
    if config is None:
        return {}
    found = {str(each["name"]): list(each.get("hostnames") or ()) for each in config.documents_of("StaticHostConfig")}
    for entry in config.value("machine", "network", "extraHostEntries", default=[]):
        found.setdefault(str(entry.get("ip")), []).extend(entry.get("aliases") or ())
    return found


def hostname(config: MachineConfig | None, stable: str, fallback: str) -> tuple[str, str]:
    """Return host name and domain name.

    *stable* is the name derived from the node's identity (``auto: stable``), *fallback* the one used
    when nothing else is known.
    """
    if config is None:
        return fallback, ""
    configured = config.hostname
    if not configured:
        document = config.document("HostnameConfig") or {}
        wants_stable = document.get("auto") == "stable" or config.value("machine", "features", "stableHostname")
        configured = stable if wants_stable else fallback
    name, _dot, domain = configured.partition(".")
    return name, domain
