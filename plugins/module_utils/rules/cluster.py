# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about the cluster as a whole: roles, addresses, subnets, endpoint."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, Severity
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.addresses import TAILNET, TAILNET_RANGES
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node

LAYER = "config"


def check(cluster: Cluster, nodes: Sequence[Node]) -> list[Finding]:
    """Judge a cluster definition.

    :return: findings with the ids ``cluster.gateways``, ``cluster.no-controlplane``, ``cluster.even-controlplanes``,
        ``cluster.duplicate-name``, ``cluster.duplicate-address``, ``cluster.address-outside-network``,
        ``cluster.gateway-address``, ``cluster.subnet-overlap``, ``cluster.subnet-family``, ``cluster.join-tailnet``,
        ``cluster.tailnet-overlap``, ``cluster.gateway-failover``, ``cluster.endpoint``, ``cluster.vip`` and
        ``cluster.kubernetes-version``.
    """
    findings: list[Finding] = []
    rules = (_gateways, _failover, _controlplanes, _duplicates, _addresses, _overlaps, _tailnet, _families, _endpoint)
    for rule in (*rules, _vip, _skew):
        findings.extend(rule(cluster, nodes))
    return findings


def check_definition(definition: Mapping[str, Any]) -> list[Finding]:
    """Judge plain data as the inventory's cluster definition holds it.

    :raises DefinitionError: a value cannot be used.
    """
    nodes = [Node.from_mapping(node) for node in definition["nodes"]]
    return check(Cluster.from_mapping(definition["cluster"]), nodes)


def _finding(
    rule: str, message: str, fix: str, host: str = "", path: str = "", severity: Severity = "error"
) -> Finding:
    return Finding(f"cluster.{rule}", severity, message, host=host, path=path, fix=fix, layer=LAYER)


def _gateways(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    found = sorted(node.name for node in nodes if node.role == "gateway")
    if len(found) != cluster.gateways:
        names = f" ({', '.join(found)})" if found else ""
        yield _finding(
            "gateways",
            f"gateway hosts in the inventory: {len(found)}{names}, declared: {cluster.gateways}",
            "correct the group gateway or talos_cluster.gateways",
            path="talos_cluster.gateways",
        )


def _failover(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Two routers of one network are either wanted by name, or a mistake: only one of them serves."""
    found = sorted(node.name for node in nodes if node.role == "gateway")
    if len(found) > 1 and not cluster.gateway_failover:
        yield _finding(
            "gateway-failover",
            f"{len(found)} gateways would advertise the same networks: {', '.join(found)}",
            "keep one, or set talos_cluster.gateway_failover when the others are to stand by",
            path="talos_cluster.gateway_failover",
        )
    elif cluster.gateway_failover and len(found) < 2:
        yield _finding(
            "gateway-failover",
            f"gateway_failover is set, but there is nobody to take over: {len(found)} gateway",
            "add a second gateway, or take gateway_failover out",
            path="talos_cluster.gateway_failover",
        )


def _controlplanes(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    count = sum(node.is_controlplane for node in nodes)
    if not count:
        yield _finding("no-controlplane", "the inventory has no control plane", "put a host into group controlplane")
    elif count % 2 == 0:
        yield _finding(
            "even-controlplanes",
            f"{count} control planes tolerate the loss of no more hosts than {count - 1} would",
            "use an odd number",
            severity="warning",
        )


def _duplicates(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    for rule, attribute, path in (("duplicate-name", "name", ""), ("duplicate-address", "address", "talos_address")):
        first: dict[str, str] = {}
        for node in nodes:
            value = getattr(node, attribute)
            if value in first:
                yield _finding(
                    rule,
                    f"{attribute} {value} is also that of host {first[value]}",
                    f"give each host its own {attribute}",
                    host=node.name,
                    path=path,
                )
            first.setdefault(value, node.name)


def _addresses(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    for node in nodes:
        gateway = node.network.gateway
        if not gateway or node.network.dhcp:
            continue
        if gateway == node.address:
            yield _finding(
                "gateway-address",
                f"default gateway {gateway} is the host's own address",
                "correct talos_network.gateway or talos_address",
                host=node.name,
                path="talos_network.gateway",
            )
        elif ipaddress.ip_address(gateway) not in ipaddress.ip_network(node.subnet):
            yield _finding(
                "address-outside-network",
                f"default gateway {gateway} is outside the host's network {node.subnet}",
                "correct talos_network.gateway, talos_network.prefix or talos_address",
                host=node.name,
                path="talos_network.gateway",
            )


def _overlaps(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    ranges = [("talos_cluster.pod_subnets", subnet) for subnet in cluster.pod_subnets]
    ranges += [("talos_cluster.service_subnets", subnet) for subnet in cluster.service_subnets]
    if cluster.join_subnet:
        ranges.append(("talos_cluster.join_subnet", cluster.join_subnet))
    for index, (path, subnet) in enumerate(ranges):
        for other_path, other in ranges[:index]:
            if _overlap(subnet, other):
                yield _overlap_finding(path, subnet, f"{other_path} {other}")
        for node in nodes:
            if _overlap(subnet, node.subnet):
                yield _overlap_finding(path, subnet, f"the network {node.subnet} of the host", node.name)
    has_gateway = any(node.role == "gateway" for node in nodes)
    if has_gateway and cluster.join_subnet and _overlap(cluster.join_subnet, str(TAILNET)):
        yield _finding(
            "join-tailnet",
            f"join subnet {cluster.join_subnet} lies in the tailnet's range {TAILNET}; a gateway drops its packets",
            "set talos_cluster.join_subnet to another range and use the same at the installation of CozyStack",
            path="talos_cluster.join_subnet",
        )


def _tailnet(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    """A gateway drops what comes from the tailnet's addresses by any other way than the tunnel."""
    if not any(node.role == "gateway" for node in nodes):
        return
    ranges = [("talos_cluster.pod_subnets", subnet, "") for subnet in cluster.pod_subnets]
    ranges += [("talos_cluster.service_subnets", subnet, "") for subnet in cluster.service_subnets]
    ranges += [("talos_address", node.subnet, node.name) for node in nodes]
    for path, subnet, host in ranges:
        for used in TAILNET_RANGES:
            if _overlap(subnet, str(used)):
                yield _finding(
                    "tailnet-overlap",
                    f"{subnet} overlaps the tailnet's range {used}; a gateway drops its packets",
                    "choose another range",
                    host=host,
                    path=path,
                )


def _overlap_finding(path: str, subnet: str, other: str, host: str = "") -> Finding:
    return _finding("subnet-overlap", f"{subnet} overlaps {other}", "choose separate ranges", host=host, path=path)


def _families(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    if len(cluster.pod_subnets) != len(cluster.service_subnets):
        yield _finding(
            "subnet-family",
            "the number of pod subnets must match the number of service subnets",
            "give one of each, or two of each for a dual-stack cluster",
            path="talos_cluster.pod_subnets",
        )
    for path, subnets in (("pod_subnets", cluster.pod_subnets), ("service_subnets", cluster.service_subnets)):
        versions_used = [ipaddress.ip_network(subnet).version for subnet in subnets]
        if len(set(versions_used)) != len(versions_used):
            yield _finding(
                "subnet-family",
                f"{' and '.join(subnets)} are of one address family",
                "a dual-stack cluster has one IPv4 and one IPv6 subnet",
                path=f"talos_cluster.{path}",
            )


def _endpoint(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    try:
        host = str(ipaddress.ip_address(cluster.endpoint_host))
    except ValueError:
        yield _finding(
            "endpoint",
            f"endpoint {cluster.endpoint} is a name; whether it leads to a control plane is not known here",
            "make sure that the name resolves to the control planes on every node",
            path="talos_cluster.endpoint",
            severity="info",
        )
        return
    controlplanes = [node for node in nodes if node.is_controlplane]
    if host in [node.address for node in controlplanes] or (cluster.vip and host == cluster.vip):
        return
    worker = next((node.name for node in nodes if node.address == host), "")
    where = f"host {worker}, which is a worker" if worker else "no control plane"
    yield _finding(
        "endpoint",
        f"endpoint {cluster.endpoint} leads to {where}",
        "use the address of a control plane, or declare a shared address as talos_cluster.vip",
        path="talos_cluster.endpoint",
    )


def _vip(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    if not cluster.vip:
        return
    owner = next((node.name for node in nodes if node.address == cluster.vip), "")
    if owner:
        yield _finding(
            "vip",
            f"shared address {cluster.vip} is the address of host {owner}",
            "choose a free address",
            host=owner,
            path="talos_cluster.vip",
        )
    networks = _networks(node for node in nodes if node.is_controlplane)
    if networks and not any(ipaddress.ip_address(cluster.vip) in network for network in networks):
        yield _finding(
            "vip",
            f"shared address {cluster.vip} is outside the network of the control planes",
            "choose an address of their network; it moves by ARP and cannot leave it",
            path="talos_cluster.vip",
        )


def _skew(cluster: Cluster, nodes: Sequence[Node]) -> Iterator[Finding]:
    sentence = versions.kubernetes_skew(cluster.talos_version, cluster.kubernetes_version)
    if sentence:
        oldest, newest = versions.talos_line(cluster.talos_version).kubernetes
        yield _finding(
            "kubernetes-version",
            sentence,
            f"choose Kubernetes {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}",
            path="talos_cluster.kubernetes_version",
        )


def _networks(nodes: Iterable[Node]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(node.subnet) for node in nodes]


def _overlap(left: str, right: str) -> bool:
    first, second = ipaddress.ip_network(left), ipaddress.ip_network(right)
    if isinstance(first, ipaddress.IPv4Network):
        return isinstance(second, ipaddress.IPv4Network) and first.overlaps(second)
    return isinstance(second, ipaddress.IPv6Network) and first.overlaps(second)
