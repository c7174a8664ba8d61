# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network resources, read from the node's kernel with one ``ip`` run.

Source: siderolabs/talos:internal/app/machined/pkg/controllers/network (address_status, link_status,
route_status, node_address).
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from ansible_collections.homelab.talos.lab.machined import network_plan
from ansible_collections.homelab.talos.lab.machined.node import Node

NAMESPACE = "network"
KERNEL_TYPES = frozenset(
    f"{name}.net.talos.dev" for name in ("AddressStatuses", "LinkStatuses", "RouteStatuses", "NodeAddresses")
)
LOOK_SECONDS = 10.0
_SCRIPT = "ip -j -d address; ip -j route show table main; ip -j -6 route show table main"
Json = dict[str, Any]


async def refresh(node: Node) -> None:
    """Read links, addresses and routes and publish everything derived from them."""
    links, routes = await _read(node)
    store, owner = node.store, "network.StatusController"
    store.replace_all(
        NAMESPACE, "LinkStatuses.net.talos.dev", {e["ifname"]: _link(e, links) for e in links}, owner=owner
    )
    addresses = {f"{e['ifname']}/{a['local']}/{a['prefixlen']}": _address(e, a) for e in links for a in _infos(e)}
    store.replace_all(NAMESPACE, "AddressStatuses.net.talos.dev", addresses, owner=owner)
    indexes = {each["ifname"]: each["ifindex"] for each in links}
    specs = [_route(each, indexes) for each in routes if each.get("dev") in indexes]
    store.replace_all(NAMESPACE, "RouteStatuses.net.talos.dev", {_route_id(e): e for e in specs}, owner=owner)
    store.replace_all(NAMESPACE, "NodeAddresses.net.talos.dev", _node_addresses(node, links), owner=owner)


async def keep_publishing(node: Node) -> None:
    """Look at the kernel every ten seconds, for those who watch."""
    while True:
        await node.clock.sleep(LOOK_SECONDS)
        await refresh(node)


async def _read(node: Node) -> tuple[list[Json], list[Json]]:
    try:
        status, output, _errors = await node.runtime.run(["sh", "-c", _SCRIPT])
    except (OSError, TimeoutError):
        status, output = 1, b""
    documents = _documents(output.decode(errors="replace")) if status == 0 else []
    if len(documents) < 2:
        return [_bare_link(node)], []
    return documents[0], [{**each, "family": "inet4"} for each in documents[1]] + [
        {**each, "family": "inet6"} for each in (documents[2] if len(documents) > 2 else [])
    ]


def _documents(text: str) -> list[Any]:
    """Return the JSON values that follow each other in *text*."""
    decoder, found = json.JSONDecoder(), []
    text = text.lstrip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


def _bare_link(node: Node) -> Json:
    info = {"family": "inet", "local": node.runtime.address, "prefixlen": 32, "scope": "global"}
    return {"ifname": "eth0", "ifindex": 2, "flags": ["UP"], "operstate": "UNKNOWN", "addr_info": [info]}


def _infos(link: Json) -> list[Json]:
    return [each for each in link.get("addr_info", []) if "local" in each]


def _link(link: Json, links: list[Json]) -> Json:
    indexes = {each["ifname"]: each["ifindex"] for each in links}
    info = link.get("linkinfo") or {}
    return {
        "alias": "",
        "altNames": [],
        "index": link["ifindex"],
        "type": {"loopback": "loopback", "ether": "ether"}.get(link.get("link_type", ""), "none"),
        "linkIndex": link.get("link_index", indexes.get(link.get("link", ""), 0)),
        "flags": ",".join(link.get("flags", [])),
        "hardwareAddr": link.get("address", ""),
        "permanentAddr": link.get("permaddr", link.get("address", "")),
        "broadcastAddr": link.get("broadcast", ""),
        "mtu": link.get("mtu", 0),
        "queueDisc": link.get("qdisc", ""),
        "masterIndex": indexes.get(link.get("master", ""), 0),
        "operationalState": str(link.get("operstate", "unknown")).lower(),
        "kind": info.get("info_kind", ""),
        "slaveKind": info.get("info_slave_kind", ""),
        "linkState": "LOWER_UP" in link.get("flags", []),
        "speedMbit": 4294967295,
        "port": "Other",
        "duplex": "Unknown",
    }


def _address(link: Json, info: Json) -> Json:
    return {
        "address": f"{info['local']}/{info['prefixlen']}",
        "local": info["local"],
        "broadcast": info.get("broadcast", ""),
        "linkIndex": link["ifindex"],
        "linkName": link["ifname"],
        "family": "inet6" if info["family"] == "inet6" else "inet4",
        "scope": info.get("scope", "global"),
        "flags": "" if info.get("dynamic") else "permanent",
        "priority": info.get("metric", 0),
    }


def _route(route: Json, indexes: dict[str, int]) -> Json:
    destination = "" if route.get("dst") in (None, "default") else str(route["dst"])
    if destination and "/" not in destination:
        destination += "/32" if route["family"] == "inet4" else "/128"
    return {
        "family": route["family"],
        "dst": destination,
        "src": route.get("prefsrc", ""),
        "gateway": route.get("gateway", ""),
        "outLinkIndex": indexes[route["dev"]],
        "outLinkName": route["dev"],
        "table": "main",
        "priority": route.get("metric", 0),
        "scope": route.get("scope", "global"),
        "type": route.get("type", "unicast"),
        "flags": ",".join(route.get("flags", [])),
        "protocol": route.get("protocol", "boot"),
        "mtu": 0,
    }


def _route_id(spec: Json) -> str:
    link = f"{spec['outLinkName']}/" if spec["family"] == "inet6" else ""
    return f"{link}{spec['family']}/{spec['gateway']}/{spec['dst']}/{spec['priority']}"


def _kubernetes_subnets(node: Node) -> list[Any]:
    if node.config is None:
        return []
    pods = node.config.value("cluster", "network", "podSubnets", default=["10.244.0.0/16"])
    services = node.config.value("cluster", "network", "serviceSubnets", default=["10.96.0.0/12"])
    return [ipaddress.ip_network(each, strict=False) for each in (*pods, *services)]


def _node_addresses(node: Node, links: list[Json]) -> dict[str, Json]:
    every = [
        f"{info['local']}/{info['prefixlen']}"
        for link in links
        if link["ifname"] != "lo"
        for info in _infos(link)
        if info.get("scope") == "global"
    ]
    subnets = _kubernetes_subnets(node)
    inside = [each for each in every if any(_within(each, subnet) for subnet in subnets)]
    outside = [each for each in every if each not in inside]
    algorithm = (
        "v1"
        if node.config is None
        else node.config.value("machine", "features", "nodeAddressSortAlgorithm", default="v1")
    )
    sets = {"default": outside[:1]}
    for name in ("current", "routed", "accumulative"):
        sets |= {name: outside + inside, f"{name}-only-k8s": inside, f"{name}-no-k8s": outside}
    return {name: {"addresses": found, "sortAlgorithm": algorithm} for name, found in sets.items()}


def _within(address: str, subnet: Any) -> bool:
    ip = ipaddress.ip_interface(address).ip
    return ip.version == subnet.version and ip in subnet


def publish_settings(node: Node) -> None:
    """Publish what does not come from the kernel: host name, resolvers, time servers, readiness."""
    store = node.store
    servers = network_plan.nameservers(node.config)
    times = [] if node.config is None else node.config.value("machine", "time", "servers", default=[])

    def put(type: str, id: str, spec: Json) -> None:
        store.put(NAMESPACE, f"{type}.net.talos.dev", id, spec, owner="network")

    put("HostnameStatuses", "hostname", {"hostname": node.hostname, "domainname": node.domainname})
    put(
        "ResolverStatuses",
        "resolvers",
        {"dnsServers": servers, "searchDomains": network_plan.search_domains(node.config)},
    )
    put("TimeServerStatuses", "timeservers", {"timeServers": times or ["time.cloudflare.com"], "useNTS": False})
    has_address = bool((store.spec(NAMESPACE, "NodeAddresses.net.talos.dev", "current") or {}).get("addresses"))
    ready = {
        "addressReady": has_address,
        "connectivityReady": has_address,
        "hostnameReady": bool(node.hostname),
        "etcFilesReady": True,
    }
    put("NetworkStatuses", "status", ready)
