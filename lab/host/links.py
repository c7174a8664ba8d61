# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, bridges, routes and network namespaces of a lab.

Each lab has a router namespace with a bridge; every node's ``eth0`` and the host's one link end there.
Nodes have their default route to the router, which has none: no packet leaves. The host covers the
whole range with an unreachable route while any lab exists.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import subprocess
from collections.abc import Iterable, Sequence

from ansible_collections.homelab.talos.lab.errors import LabError

#: Range of all labs (RFC 2544, benchmarking), covered on the host by an unreachable route.
LAB_RANGE = ipaddress.ip_network("198.18.0.0/15")
#: The network outside of a lab, behind its router: the Internet, as far as a lab has one. Each lab has its own.
OUTSIDE = ipaddress.ip_network("198.19.254.0/24")
#: Interface name of every node.
NODE_LINK = "eth0"
_BRIDGE = "br0"
_OUTSIDE_BRIDGE = "br1"
#: What nobody answers for on the Internet.
_PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
#: Name of the bridge's end of the wire of the machine that runs the lab.
HOST_PORT = "host"


def ip(*arguments: str) -> str:
    """Run ``ip`` with *arguments* and return its standard output; raises :class:`LabError` when it fails."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        cause = f"ip {' '.join(arguments)}: {done.stderr.strip()}"
        remedy = (
            "run as root" if "not permitted" in done.stderr else "see `ip link` and `ip netns` for what is in the way"
        )
        raise LabError(cause, remedy)
    return done.stdout


def ip_batch(lines: Iterable[str], namespace: str = "") -> None:
    """Run many ``ip`` commands in one process; raises :class:`LabError` when one fails."""
    prefix = ["ip", "-n", namespace] if namespace else ["ip"]
    done = subprocess.run(
        [*prefix, "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise LabError(f"ip -batch: {done.stderr.strip()}", "see `ip link` and `ip netns` for what is in the way")


def router_address(subnet: str) -> str:
    """Return the router's address: the first of *subnet* (CIDR)."""
    return str(next(ipaddress.ip_network(subnet).hosts()))


def host_address(subnet: str) -> str:
    """Return the address of the machine that runs the lab: the second of *subnet* (CIDR)."""
    hosts = ipaddress.ip_network(subnet).hosts()
    next(hosts)
    return str(next(hosts))


def router_namespace(lab: str) -> str:
    """Return the name of the lab's router namespace."""
    return f"{lab}-router"


def cover_range() -> None:
    """Make the labs' range unreachable on the host, except where a lab's own link serves it."""
    if not range_is_covered():
        ip("route", "add", "unreachable", str(LAB_RANGE))


def uncover_range() -> None:
    """Undo :func:`cover_range`."""
    if range_is_covered():
        ip("route", "del", "unreachable", str(LAB_RANGE))


def range_is_covered() -> bool:
    """Tell whether the unreachable route exists."""
    return bool(ip("route", "show", "type", "unreachable", "exact", str(LAB_RANGE)).strip())


def create_router(namespace: str, host_link: str, subnet: str) -> None:
    """Create the lab's router namespace with its bridge, and the host's link into it."""
    length = ipaddress.ip_network(subnet).prefixlen
    ip("netns", "add", namespace)
    _leave_bridged_frames_alone(namespace)
    ip_batch(
        [
            "link set lo up",
            f"link add {_BRIDGE} type bridge",
            f"addr add {router_address(subnet)}/{length} dev {_BRIDGE}",
            f"link set {_BRIDGE} up",
            "route add unreachable default",
        ],
        namespace,
    )
    ip("link", "add", host_link, "type", "veth", "peer", "name", HOST_PORT, "netns", namespace)
    ip_batch([f"link set {HOST_PORT} master {_BRIDGE}", f"link set {HOST_PORT} up"], namespace)
    # Without link-local addresses the host's routes do not change some seconds later.
    ip_batch(
        [
            f"link set {host_link} addrgenmode none",
            f"addr add {host_address(subnet)}/{length} dev {host_link}",
            f"link set {host_link} up",
        ]
    )


def create_outside(namespace: str) -> None:
    """Add the network outside of the lab to its router, which forwards between the two."""
    length = OUTSIDE.prefixlen
    ip_batch(
        [
            f"link add {_OUTSIDE_BRIDGE} type bridge",
            f"addr add {router_address(str(OUTSIDE))}/{length} dev {_OUTSIDE_BRIDGE}",
            f"link set {_OUTSIDE_BRIDGE} up",
        ],
        namespace,
    )
    _set(namespace, "net.ipv4.ip_forward=1")


def is_outside(address: str) -> bool:
    """Tell whether *address* is in the network outside of the lab."""
    return ipaddress.ip_address(address) in OUTSIDE


def port_name(address: str) -> str:
    """Return the name of the bridge's end of the wire of the node with *address* (at most 15 characters)."""
    return f"{'o' if is_outside(address) else 'p'}{address.rsplit('.', 1)[1]}"


def _leave_bridged_frames_alone(namespace: str) -> None:
    """Keep the kernel from taking what nodes send each other over the bridge for packets that the router routes."""
    _set(namespace, "net.bridge.bridge-nf-call-iptables=0")


def _set(namespace: str, setting: str) -> None:
    # -e: a kernel without a setting has no such habit.
    command = ["nsenter", f"--net=/run/netns/{namespace}", "sysctl", "-e", "-qw", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise LabError(f"sysctl {setting} in {namespace}: {done.stderr.strip()}", "run as root")


def create_node(namespace: str, router: str, port: str, address: str, subnet: str, *, cut: bool = False) -> None:
    """Create a node's namespace, wired to the router's bridge; the wire has no carrier when it is *cut*.

    *address* is the lease a node without configuration has; *port* names the bridge's end of the wire.
    """
    length = ipaddress.ip_network(subnet).prefixlen
    ip("netns", "add", namespace)
    ip("-n", router, "link", "add", port, "type", "veth", "peer", "name", NODE_LINK, "netns", namespace)
    bridge = _OUTSIDE_BRIDGE if is_outside(address) else _BRIDGE
    ip_batch([f"link set {port} master {bridge}", f"link set {port} {'down' if cut else 'up'}"], router)
    hardware_address = f"link set {NODE_LINK} address {node_hardware_address(namespace)}"
    ip_batch(["link set lo up", hardware_address, f"link set {NODE_LINK} up"], namespace)
    lease_address(namespace, address, length, router_address(subnet))
    if is_outside(address):
        ip_batch([f"route add unreachable {each}" for each in _PRIVATE], namespace)


def node_hardware_address(namespace: str) -> str:
    """Return the locally administered hardware address of a node; like a real card's it survives reboots."""
    digest = hashlib.sha256(namespace.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


def remove_node(namespace: str, router: str, port: str) -> None:
    """Pull a node's wire and delete its namespace.

    The wire goes first: a socket that is still open keeps the namespace alive, and with it its address.
    """
    if _has_port(router, port):
        ip("-n", router, "link", "del", port)
    remove_namespaces([namespace])


def cut_wire(router: str, port: str) -> None:
    """Take the carrier from a node's wire; nothing happens while the node has none, because it is off."""
    if _has_port(router, port):
        ip("-n", router, "link", "set", port, "down")


def mend_wire(router: str, port: str) -> None:
    """Undo :func:`cut_wire`."""
    if _has_port(router, port):
        ip("-n", router, "link", "set", port, "up")


def _has_port(router: str, port: str) -> bool:
    return any(entry["ifname"] == port for entry in json.loads(ip("-n", router, "-json", "link", "show")))


def lease_address(namespace: str, address: str, length: int, gateway: str) -> None:
    """Give a node's link the address and default route its lease would, and nothing else."""
    ip_batch(
        [
            f"addr flush dev {NODE_LINK} scope global",
            f"addr add {address}/{length} dev {NODE_LINK}",
            f"route replace default via {gateway}",
        ],
        namespace,
    )


def remove_namespaces(namespaces: Sequence[str]) -> None:
    """Delete those of *namespaces* that exist; their links go with them."""
    for name in existing_namespaces(namespaces):
        ip("netns", "del", name)


def existing_namespaces(namespaces: Sequence[str]) -> list[str]:
    """Return those of *namespaces* that exist."""
    existing = {entry["name"] for entry in json.loads(ip("-json", "netns", "list").strip() or "[]")}
    return [name for name in namespaces if name in existing]


def remove_link(name: str) -> None:
    """Delete the link *name* of the host when it exists."""
    try:
        ip("link", "del", name)
    except LabError:
        # It went with its other end: the kernel deletes what is in a deleted namespace a moment later.
        if _has_link(name):
            raise


def _has_link(name: str) -> bool:
    return any(entry["ifname"] == name for entry in json.loads(ip("-json", "link", "show")))
