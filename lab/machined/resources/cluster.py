# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster membership: identity, affiliates, members.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/cluster.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined.discovery import TTL_SECONDS, Affiliate
from ansible_collections.homelab.talos.lab.machined.node import Node

API_SERVER_PORT = 6443


async def keep_publishing(node: Node) -> None:
    """Announce this node and publish the others, at every change."""
    node.discovery.listen(node.board.post)
    announce(node)
    while True:
        seen = node.board.count
        publish(node)
        await node.board.after(seen)


async def keep_announcing(node: Node) -> None:
    """Repeat the announcement well within its time to live."""
    while True:
        await node.clock.sleep(TTL_SECONDS / 3)
        announce(node)


def announce(node: Node) -> None:
    """Tell the discovery service about this node, unless discovery is off."""
    if node.config is None or not _enabled(node):
        return
    node.discovery.announce(node.cluster_key(), local_affiliate(node))


def _enabled(node: Node) -> bool:
    enabled = node.config is not None and node.config.value("cluster", "discovery", "enabled", default=False)
    disabled = node.config is None or node.config.value(
        "cluster", "discovery", "registries", "service", "disabled", default=False
    )
    return bool(enabled) and not disabled


def local_affiliate(node: Node) -> Affiliate:
    """Return what this node says about itself."""
    addresses = node.store.spec("network", "NodeAddresses.net.talos.dev", "routed-no-k8s") or {"addresses": []}
    return Affiliate(
        node_id=node.node_id,
        nodename=node.nodename,
        hostname=node.fqdn,
        addresses=tuple(str(each).split("/", maxsplit=1)[0] for each in addresses["addresses"])
        or (node.runtime.address,),
        machine_type=node.machine_type,
        operating_system=f"Talos ({node.description.talos_version})",
        api_server_port=API_SERVER_PORT if node.is_controlplane else 0,
    )


def publish(node: Node) -> None:
    """Publish identity, affiliates and members."""
    if node.config is None:
        return
    store = node.store
    store.put("cluster", "Identities.cluster.talos.dev", "local", {"nodeId": node.node_id}, owner="cluster")
    known = known_affiliates(node)
    affiliates = {each.node_id: _affiliate(each) for each in known}
    store.replace_all("cluster", "Affiliates.cluster.talos.dev", affiliates, owner="cluster.AffiliateMergeController")
    members = {each.nodename: _member(each) for each in known}
    store.replace_all("cluster", "Members.cluster.talos.dev", members, owner="cluster.MemberController")
    planes = [address for each in known if each.machine_type == "controlplane" for address in each.addresses]
    store.put("controlplane", "Endpoints.kubernetes.talos.dev", "discovery", {"addresses": planes}, owner="cluster")


def known_affiliates(node: Node) -> list[Affiliate]:
    """Return the members of the cluster, this node among them."""
    return node.discovery.affiliates(node.cluster_key()) if _enabled(node) else [local_affiliate(node)]


def _affiliate(affiliate: Affiliate) -> dict[str, Any]:
    spec = {
        "nodeId": affiliate.node_id,
        "addresses": list(affiliate.addresses),
        "hostname": affiliate.hostname,
        "nodename": affiliate.nodename,
        "operatingSystem": affiliate.operating_system,
        "machineType": affiliate.machine_type,
    }
    return spec | ({"controlPlane": {"port": affiliate.api_server_port}} if affiliate.api_server_port else {})


def _member(affiliate: Affiliate) -> dict[str, Any]:
    spec = {
        "nodeId": affiliate.node_id,
        "addresses": list(affiliate.addresses),
        "hostname": affiliate.hostname,
        "machineType": affiliate.machine_type,
        "operatingSystem": affiliate.operating_system,
    }
    return spec | ({"controlPlane": {"port": affiliate.api_server_port}} if affiliate.api_server_port else {})
