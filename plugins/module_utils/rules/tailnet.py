# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about a gateway's part in the tailnet: what its rendered configuration asks for, whoever wrote it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, Severity
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.addresses import TAILNET_RANGES
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import (
    Network,
    RouteSyntax,
    covers,
    overlap,
    parse_route,
)
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.service_environment import (
    ServiceEnvironment,
    read_environment,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import Cluster, Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailnet import (
    CLIENT_SECRET_PREFIX,
    OWN_NETWORK,
    TAILSCALE,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.tailscale_service import (
    STATE_DIRECTORY,
    advertised_routes,
)

LAYER = "config"
_PLACE = f"ExtensionServiceConfig/{TAILSCALE}"
_FORWARDING = "net.ipv6.conf.all.forwarding"
_API_KEY_PREFIX = "tskey-api-"
_ROUTES = "talos_tailnet.advertise"


def check(cluster: Cluster, node: Node, config: MachineConfig) -> list[Finding]:
    """Judge what the tailscale service of a node would be told.

    :param config: the configuration as it would be applied, patches included.
    :return: findings ``tailnet.arguments``, ``tailnet.route-syntax``, ``tailnet.route-host-bits``,
        ``tailnet.route-own-network``, ``tailnet.route-in-tailnet``, ``tailnet.cluster-route``,
        ``tailnet.ipv6-forwarding``, ``tailnet.accept-dns``, ``tailnet.accept-routes``, ``tailnet.no-snat``,
        ``tailnet.userspace``, ``tailnet.state``, ``tailnet.auth-once``, ``tailnet.key-kind``,
        ``tailnet.key-ephemeral``, ``tailnet.key-untagged`` and ``tailnet.advertise-tags``.
    """
    document = config.document("ExtensionServiceConfig", TAILSCALE)
    if document is None:
        return []
    environment = read_environment(document.get("environment") or [])
    if environment.broken:
        message = f"TS_EXTRA_ARGS cannot be read: {environment.broken}"
        return [_finding("arguments", message, "close the quotes", node.name)]
    routes, findings = _routes(environment, node)
    findings.extend(_route_places(cluster, node, routes))
    findings.extend(_cluster_routes(cluster, node, routes))
    findings.extend(_forwarding(node, config, routes))
    findings.extend(_choices(environment, node))
    findings.extend(_identity(environment, node))
    findings.extend(_key(environment, node))
    return findings


def check_key(key: AuthKey, now: datetime.datetime, host: str = "") -> list[Finding]:
    """Judge a key that the coordination server knows, for a gateway.

    :return: findings ``tailnet.key-unusable``, ``tailnet.key-untagged``, ``tailnet.key-ephemeral`` and
        ``tailnet.key-reusable``.
    """
    findings = []
    reason = key.unusable(now)
    if reason:
        message = f"no device can join with key {key.id}: {reason}"
        findings.append(_finding("key-unusable", message, "make a new key", host, "talos_tailnet.auth_key"))
    if not key.tags:
        message = f"key {key.id} has no tag: what joins with it belongs to a user and must log in again some day"
        findings.append(_finding("key-untagged", message, "make a key with a tag", host, "talos_tailnet.auth_key"))
    if key.ephemeral:
        message = f"key {key.id} is ephemeral: a gateway that is away for a while is forgotten with its routes"
        remedy = "make a key that is not"
        findings.append(_finding("key-ephemeral", message, remedy, host, "talos_tailnet.auth_key"))
    if key.reusable:
        message = f"key {key.id} is reusable: whoever reads it can join, too"
        remedy = "make a key for one use"
        findings.append(_finding("key-reusable", message, remedy, host, "talos_tailnet.auth_key", "warning"))
    return findings


def _routes(environment: ServiceEnvironment, node: Node) -> tuple[list[Network], list[Finding]]:
    good: list[Network] = []
    findings = []
    for text in environment.routes:
        try:
            good.append(parse_route(text))
        except RouteSyntax as error:
            if error.has_host_bits:
                findings.append(_finding("route-host-bits", str(error), "write the network", node.name, _ROUTES))
            else:
                findings.append(_finding("route-syntax", str(error), "correct the route", node.name, _ROUTES))
    return good, findings


def _route_places(cluster: Cluster, node: Node, routes: list[Network]) -> Iterator[Finding]:
    own = ipaddress.ip_network(node.subnet)
    wished = node.tailnet is not None and OWN_NETWORK in node.tailnet.advertise
    for route in routes:
        if overlap(route, own) and not (wished and route == own):
            yield _finding(
                "route-own-network",
                f"route {route} overlaps the network {own} of the node itself: clients there would lose it",
                f"advertise a network that is elsewhere, or {own} itself as {OWN_NETWORK}",
                node.name,
                _ROUTES,
            )
        for used in TAILNET_RANGES:
            if overlap(route, used):
                yield _finding(
                    "route-in-tailnet",
                    f"route {route} overlaps the addresses {used} of the tailnet",
                    "advertise a network that is elsewhere",
                    node.name,
                    _ROUTES,
                )


def _cluster_routes(cluster: Cluster, node: Node, routes: list[Network]) -> Iterator[Finding]:
    wanted = advertised_routes(cluster, node) or (*cluster.service_subnets, *cluster.pod_subnets)
    if node.tailnet is not None and not node.tailnet.advertise:
        return
    for subnet in wanted:
        if not any(covers(route, ipaddress.ip_network(subnet)) for route in routes):
            yield _finding(
                "cluster-route",
                f"{subnet} is not advertised: from the tailnet it is not reached",
                "leave TS_ROUTES to talos_tailnet.advertise",
                node.name,
                _ROUTES,
                "warning",
            )


def _forwarding(node: Node, config: MachineConfig, routes: list[Network]) -> Iterator[Finding]:
    if not any(route.version == 6 for route in routes):
        return
    sysctls = config.value("machine", "sysctls", default={}) or {}
    document = config.document("SysctlConfig") or {}
    if str({**sysctls, **(document.get("params") or {})}.get(_FORWARDING, "0")) != "1":
        yield _finding(
            "ipv6-forwarding",
            "an IPv6 network is advertised, but the node does not forward IPv6: Talos forwards on new links only",
            f'set machine.sysctls {_FORWARDING}: "1" in talos_patches',
            node.name,
            f"machine.sysctls.{_FORWARDING}",
        )


def _choices(environment: ServiceEnvironment, node: Node) -> Iterator[Finding]:
    if environment.is_on("TS_ACCEPT_DNS") or environment.has_flag("accept-dns"):
        yield _finding(
            "accept-dns",
            "the node would take the tailnet's DNS: then nothing of the cluster resolves names without the tailnet",
            "set TS_ACCEPT_DNS=false",
            node.name,
            severity="warning",
        )
    if environment.has_flag("accept-routes"):
        yield _finding(
            "accept-routes",
            "the gateway is a node of the cluster and accepts routes: one that somebody advertises for nodes, pods or "
            "services takes the node's own traffic into the tunnel",
            "set talos_tailnet.accept_routes to false, or make sure that nobody advertises these",
            node.name,
            "talos_tailnet.accept_routes",
            "warning",
        )
    if environment.is_off("snat-subnet-routes"):
        yield _finding(
            "no-snat",
            "without SNAT the answers go to addresses of the tailnet, which only the gateway reaches",
            f"set talos_tailnet.snat to true, or give all others a route {TAILNET_RANGES[0]} to the gateway",
            node.name,
            "talos_tailnet.snat",
            "warning",
        )
    if environment.is_on("TS_USERSPACE"):
        yield _finding(
            "userspace",
            "TS_USERSPACE=true: there is no interface tailscale0 that routes, only proxies",
            "set TS_USERSPACE=false, the extension's default",
            node.name,
            severity="warning",
        )


def _identity(environment: ServiceEnvironment, node: Node) -> Iterator[Finding]:
    directory = environment.variables.get("TS_STATE_DIR", STATE_DIRECTORY)
    secret = environment.variables.get("TS_KUBE_SECRET", "")
    if (directory.rstrip("/") + "/").startswith(f"{STATE_DIRECTORY}/") and not secret:
        return
    kept = f"in the Kubernetes secret {secret}" if secret else f"in {directory or 'memory'}"
    yield _finding(
        "state",
        f"the identity of the gateway would be kept {kept}, not in the directory that outlives a restart",
        f"set TS_STATE_DIR={STATE_DIRECTORY} and leave TS_KUBE_SECRET out",
        node.name,
    )


def _key(environment: ServiceEnvironment, node: Node) -> Iterator[Finding]:
    key = environment.variables.get("TS_AUTHKEY", environment.variables.get("TS_AUTH_KEY", "")).strip()
    if not key:
        return
    home = "talos_tailnet.auth_key"
    if not environment.is_on("TS_AUTH_ONCE"):
        message = "TS_AUTH_ONCE is not true: the service logs in at every start, and a key for one use fails then"
        yield _finding("auth-once", message, "set TS_AUTH_ONCE=true", node.name, severity="warning")
    if key.startswith(_API_KEY_PREFIX):
        message = "the key is one for the API, with which no device can join"
        yield _finding("key-kind", message, "give an auth key (tskey-auth-...)", node.name, home)
    tags = environment.flags.get("advertise-tags", "")
    if key.startswith(CLIENT_SECRET_PREFIX):
        if "ephemeral=false" not in key.partition("?")[2].split("&"):
            message = "what joins with this client secret is ephemeral: a gateway away for a while is forgotten"
            yield _finding("key-ephemeral", message, "append ?ephemeral=false to the secret", node.name, home)
        if not tags:
            message = "a client secret needs tags"
            yield _finding("key-untagged", message, "set talos_tailnet.tags", node.name, "talos_tailnet.tags")
    elif tags and "login-server" in environment.flags:
        yield _finding(
            "advertise-tags",
            "headscale refuses a device that joins with a key and names tags besides",
            "take --advertise-tags out; the tags come with the key",
            node.name,
        )


def _finding(
    rule: str, message: str, fix: str, host: str = "", path: str = "", severity: Severity = "error"
) -> Finding:
    return Finding(f"tailnet.{rule}", severity, message, host=host, path=path or _PLACE, fix=fix, layer=LAYER)
