# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network documents of a node: host name, link, addresses, resolver, shared address.

Sources: siderolabs/talos:pkg/machinery/config/types/network/ (hostname.go, link.go, link_alias.go, resolver.go,
dhcp4.go, vip.go).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.v1alpha1 import HOST_DNS_DOCUMENT


def network_documents(cluster: Cluster, node: Node) -> list[dict[str, Any]]:
    """Return the network documents of a node in a fixed order."""
    documents = [_document("HostnameConfig", hostname=node.name)]
    network = node.network
    if network.hardware_address:
        match = f'mac(link.permanent_addr) == "{network.hardware_address}"'
        documents.append(_document("LinkAliasConfig", name=network.interface, selector={"match": match}))
    documents.append(_link(node))
    if network.dhcp:
        documents.append(_document("DHCPv4Config", name=network.interface, ignoreHostname=True))
    resolver = _resolver(cluster, node)
    if resolver:
        documents.append(_document("ResolverConfig", **resolver))
    if cluster.vip and node.is_controlplane:
        documents.append(_document("Layer2VIPConfig", name=cluster.vip, link=network.interface))
    return documents


def _link(node: Node) -> dict[str, Any]:
    network = node.network
    body: dict[str, Any] = {"name": network.interface, "up": True}
    if network.mtu:
        body["mtu"] = network.mtu
    if not network.dhcp:
        body["addresses"] = [{"address": f"{node.address}/{network.prefix}"}]
        if network.gateway:
            body["routes"] = [{"gateway": network.gateway}]
    return _document("LinkConfig", **body)


def _resolver(cluster: Cluster, node: Node) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if node.network.nameservers:
        body["nameservers"] = [{"address": address} for address in node.network.nameservers]
    if node.network.search_domains:
        body["searchDomains"] = {"domains": list(node.network.search_domains)}
    if versions.talos_line(cluster.talos_version).minor >= HOST_DNS_DOCUMENT:
        body["hostDNS"] = {"enabled": True, "forwardKubeDNSToHost": True}
    return body


def _document(kind: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **body}
