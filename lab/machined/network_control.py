# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the node's links, files of /etc and network resources to what the configuration says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.machined import network_plan
from ansible_collections.homelab.talos.lab.machined.network_plan import LinkPlan, Route
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.resources import network
from ansible_collections.homelab.talos.lab.machined.trusted_roots import TRUSTED_FILE, trusted_roots

PHYSICAL_LINK = "eth0"


async def apply_network(node: Node) -> None:
    """Configure links, host name and files; failures of single commands are written to dmesg."""
    name, domain = network_plan.hostname(
        node.config, node.stable_hostname(), "talos-" + node.runtime.address.replace(".", "-").replace(":", "-")
    )
    node.hostname, node.domainname = name, domain
    if node.config is not None:
        for plan in network_plan.links(node.config, PHYSICAL_LINK):
            await _apply_link(node, plan)
    await _run(node, ["hostname", name])
    write_etc(node)


async def _apply_link(node: Node, plan: LinkPlan) -> None:
    present = await _addresses(node, plan.name)
    shared = {each.prefix for each in network_plan.shared_addresses(node.config, PHYSICAL_LINK)}
    if present is None:
        node.journal.talos(f"link {plan.name} does not exist on this node")
        return
    if plan.mtu:
        await _run(node, ["ip", "link", "set", "dev", plan.name, "mtu", str(plan.mtu)])
    await _run(node, ["ip", "link", "set", "dev", plan.name, "up"])
    if plan.addresses:
        for stale in sorted(present - set(plan.addresses) - shared):
            await _run(node, ["ip", "address", "del", stale, "dev", plan.name])
        for address in plan.addresses:
            if address not in present:
                await _run(node, ["ip", "address", "replace", address, "dev", plan.name])
    for route in plan.routes:
        await _apply_route(node, plan.name, route)


async def add_address(node: Node, link: str, address: str) -> None:
    """Give *link* an address (with prefix length), tell the network, publish it; ``OSError`` when it is refused."""
    status, _output, errors = await node.runtime.run(["ip", "address", "replace", address, "dev", link])
    if status != 0:
        raise OSError(f"{link}: {address}: {errors.decode(errors='replace').strip()}")
    if ":" not in address:
        node.runtime.announce(link, address.partition("/")[0])
    await network.refresh(node)
    node.board.post()


async def remove_address(node: Node, link: str, address: str) -> None:
    """Take an address away from *link* and publish that."""
    await _run(node, ["ip", "address", "del", address, "dev", link])
    await network.refresh(node)
    node.board.post()


async def _apply_route(node: Node, link: str, route: Route) -> None:
    destination = route.destination or "default"
    via = ["via", route.gateway] if route.gateway else []
    target = [destination, *via, "dev", link]
    await _run(node, ["ip", "route", "replace", *target, "proto", "static", "metric", str(route.metric)])
    # The lease's own route has no metric: it would win over the configured one.
    status, output, _errors = await node.runtime.run(["ip", "-j", "route", "show", destination, "dev", link])
    found: list[dict[str, Any]] = json.loads(output or b"[]") if status == 0 else []
    if route.metric and any("metric" not in each and each.get("gateway", "") == route.gateway for each in found):
        await _run(node, ["ip", "route", "del", *target])


async def _addresses(node: Node, link: str) -> set[str] | None:
    """Return the global addresses of a link with prefix lengths, None when there is no such link."""
    status, output, _errors = await node.runtime.run(["ip", "-j", "address", "show", "dev", link])
    if status != 0:
        return None
    found: list[dict[str, Any]] = json.loads(output or b"[]")
    return {
        f"{each['local']}/{each['prefixlen']}"
        for interface in found
        for each in interface.get("addr_info", [])
        if each.get("scope") == "global"
    }


async def _run(node: Node, argv: list[str]) -> None:
    status, _output, errors = await node.runtime.run(argv)
    if status != 0:
        text = errors.decode(errors="replace").strip() or f"exit code {status}"
        node.journal.talos(f"network: {' '.join(argv)}: {text}")


def write_etc(node: Node) -> None:
    """Write the files of /etc that Talos manages."""
    etc = node.runtime.directory / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    domains = network_plan.search_domains(node.config)
    resolvers = "".join(f"nameserver {each}\n" for each in network_plan.nameservers(node.config))
    names = " ".join(dict.fromkeys((node.fqdn, node.hostname)))
    hosts = f"127.0.0.1 localhost\n{node.address} {names}\n::1 localhost ip6-localhost ip6-loopback\n"
    hosts += "".join(
        f"{address} {' '.join(aliases)}\n" for address, aliases in network_plan.static_hosts(node.config).items()
    )
    _write(etc / "hostname", f"{node.hostname}\n")
    _write(etc / "resolv.conf", resolvers + (f"search {' '.join(domains)}\n" if domains else ""))
    _write(etc / "hosts", hosts)
    _write(etc / "os-release", _os_release(node.description.talos_version))
    roots = node.config.documents_of("TrustedRootsConfig") if node.config is not None else ()
    trusted = trusted_roots({str(each.get("name")): str(each.get("certificates", "")) for each in roots})
    (etc / TRUSTED_FILE).parent.mkdir(parents=True, exist_ok=True)
    _write(etc / TRUSTED_FILE, trusted)
    seed = node.node_id or node.description.name
    _write(etc / "machine-id", hashlib.md5(seed.encode(), usedforsecurity=False).hexdigest() + "\n")


def _os_release(version: str) -> str:
    return (
        f'NAME="Talos"\nID=talos\nVERSION_ID={version}\nPRETTY_NAME="Talos ({version})"\n'
        'HOME_URL="https://www.talos.dev/"\nBUG_REPORT_URL="https://github.com/siderolabs/talos/issues"\n'
        'VENDOR_NAME="Sidero Labs"\nVENDOR_URL="https://www.siderolabs.com/"\n'
    )


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o644)
