# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netstat: the sockets of the node and of its pods.

The servers of the emulated machined listen in the node's network namespace, but their process is the lab's own:
their sockets have no process.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Netstat).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.homelab.talos.lab.machined import proc_net, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message

PATH = "/machine.MachineService/Netstat"
HOST = "host"
NAMESPACES = "/run/netns"
_FILTERS = {"ALL": lambda record: True, "CONNECTED": proc_net.is_connected, "LISTENING": proc_net.is_listening}
# One section per table and namespace, each behind a line "@NAMESPACE PROTOCOL"; a namespace may end meanwhile.
_SCRIPT = f"""
namespaces=$1 protocols=$2
for namespace in $namespaces; do
  for protocol in $protocols; do
    echo "@$namespace $protocol"
    case $namespace in
      {HOST}) cat "/proc/net/$protocol" 2>/dev/null ;;
      *) nsenter "--net={NAMESPACES}/$namespace" cat "/proc/net/$protocol" 2>/dev/null ;;
    esac
  done
done
exit 0
"""
# "/proc/PID/fd/N socket:[INODE]" for each open socket, then "PID NAME" of each process.
_OWNERS = "find /proc/[0-9]*/fd -lname 'socket:*' -printf '%p %l\\n' 2>/dev/null; ps -eo pid=,comm="


class NetstatCall:
    """The call of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def netstat(self, call: Call) -> Any:
        """Answer Netstat."""
        request = call.request
        try:
            wanted = _FILTERS[enum("machine.NetstatRequest.Filter").Name(request.filter)]
        except ValueError:
            raise refusals.invalid_argument(f"invalid filter: {request.filter}") from None
        protocols = [name for name in proc_net.PROTOCOLS if getattr(request.l4proto, name)]
        owners = await self._owners() if request.feature.pid else {}
        reply = message("machine.NetstatResponse")()
        element = reply.messages.add()
        for namespace, record in await self._sockets(await self._namespaces(request.netns), protocols):
            if wanted(record):
                row = element.connectrecord.add(**record, netns="" if namespace == HOST else namespace)
                pid, name = owners.get(record["inode"], (0, ""))
                row.process.SetInParent()
                row.process.pid, row.process.name = pid, name
        return reply

    async def _namespaces(self, wanted: Any) -> list[str]:
        """Return the network namespaces the request names; those of pods have the names of the CNI."""
        present = await self._pod_namespaces() if wanted.allnetns or wanted.netns else []
        chosen = present if wanted.allnetns else [name for name in present if name in wanted.netns]
        return [HOST, *chosen] if wanted.hostnetwork else chosen

    async def _pod_namespaces(self) -> list[str]:
        status, output, _errors = await self._node.runtime.run(["ls", NAMESPACES])
        return sorted(output.decode().split()) if status == 0 else []

    async def _sockets(self, namespaces: list[str], protocols: list[str]) -> list[tuple[str, dict[str, Any]]]:
        argv = ["sh", "-c", _SCRIPT, "netstat", " ".join(namespaces), " ".join(protocols)]
        _status, output, _errors = await self._node.runtime.run(argv)
        return list(_sections(output.decode(errors="replace")))

    async def _owners(self) -> dict[int, tuple[int, str]]:
        """Return inode of a socket -> process id and name of the process that has it open."""
        _status, output, _errors = await self._node.runtime.run(["sh", "-c", _OWNERS])
        return owners(output.decode(errors="replace"))


def _sections(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in text.split("@")[1:]:
        head, _newline, table = section.partition("\n")
        namespace, protocol = head.split()
        for record in proc_net.sockets(protocol, table):
            yield namespace, record


def owners(text: str) -> dict[int, tuple[int, str]]:
    """Read what find and ps say about open sockets; the first process that has a socket counts."""
    inodes: dict[int, int] = {}
    names: dict[int, str] = {}
    for line in text.splitlines():
        left, _space, right = line.strip().partition(" ")
        if left.startswith("/proc/"):
            inodes.setdefault(int(right.strip().removeprefix("socket:[").rstrip("]")), int(left.split("/")[2]))
        elif left.isdigit():
            names[int(left)] = right.strip()
    return {inode: (pid, names.get(pid, "")) for inode, pid in inodes.items()}


def handlers(node: Node) -> Handlers:
    """Return the handler."""
    return {PATH: NetstatCall(node).netstat}
