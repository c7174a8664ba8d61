# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netstat tells the sockets that there are."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined import proc_net
from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.rpc import netstat
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, method

from .real_commands import LocalRuntime, on_a_node

ALL = {"tcp": True, "tcp6": True, "udp": True, "udp6": True}
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C350 00000000:0000 0A 00000001:00000002 02:000000FF 00000003  1000 4 12345 1 00000000deadbeef 100 0
   1: 0B0912C6:C351 0C0912C6:0016 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0 20
   2: 0100007F
"""


def test_table_of_the_kernel() -> None:
    first, second = proc_net.sockets("tcp", TABLE)
    assert first == {
        "l4proto": "tcp",
        "localip": "127.0.0.1",
        "localport": 50000,
        "remoteip": "0.0.0.0",
        "remoteport": 0,
        "state": enum("machine.ConnectRecord.State").Value("LISTEN"),
        "txqueue": 1,
        "rxqueue": 2,
        "tr": 2,
        "timerwhen": 255,
        "retrnsmt": 3,
        "uid": 1000,
        "timeout": 4,
        "inode": 12345,
        "ref": 1,
        "pointer": 0xDEADBEEF,
    }
    assert (second["localip"], second["remoteip"], second["remoteport"]) == ("198.18.9.11", "198.18.9.12", 22)
    assert (proc_net.is_listening(first), proc_net.is_connected(first)) == (True, False)
    assert (proc_net.is_listening(second), proc_net.is_connected(second)) == (False, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00000000000000000000000000000000:1F90", ("::", 8080)),
        ("00000000000000000000000001000000:0001", ("::1", 1)),
        ("0000000000000000FFFF00000100007F:0001", ("127.0.0.1", 1)),
        ("B80D01200000000067452301EFCDAB89:0001", ("2001:db8::123:4567:89ab:cdef", 1)),
    ],
)
def test_addresses_of_the_sixth_version(text: str, expected: tuple[str, int]) -> None:
    assert proc_net.endpoint(text) == expected


def test_owners_of_sockets() -> None:
    text = "/proc/7/fd/3 socket:[100]\n/proc/8/fd/4 socket:[100]\n/proc/9/fd/4 socket:[101]\n    7 etcd\n    8 sh -c\n"
    assert netstat.owners(text) == {100: (7, "etcd"), 101: (9, "")}


async def _ask(node: Node, **fields: Any) -> list[Any]:
    request = method(netstat.PATH).request_class(**({"l4proto": ALL, "netns": {"hostnetwork": True}} | fields))
    call = Call(netstat.PATH, request, frozenset({"os:admin"}))
    return list((await netstat.handlers(node)[netstat.PATH](call)).messages[0].connectrecord)  # type: ignore[misc]


def test_sockets_of_this_process(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]

            async def mine(**fields: Any) -> list[Any]:
                return [each for each in await _ask(node, **fields) if each.localport == port]

            (found,) = await mine(filter=2, feature={"pid": True})
            assert (found.l4proto, found.localip, found.remoteip, found.netns) == ("tcp", "127.0.0.1", "0.0.0.0", "")
            assert found.state == enum("machine.ConnectRecord.State").Value("LISTEN")
            assert found.process.pid == os.getpid()
            assert found.process.name
            (unasked,) = await mine(filter=2)
            assert unasked.process.pid == 0
            assert await mine(filter=1) == []
            assert await mine(filter=2, l4proto={"udp": True}) == []
            assert await mine(filter=2, netns={}) == []
            with socket.create_connection(("127.0.0.1", port)):
                (connected,) = await mine(filter=1)
                assert connected.remoteport != 0
        assert await mine(filter=2) == []

    on_a_node(LocalRuntime, tmp_path, scenario)


def test_namespaces_that_do_not_exist_are_left_out(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        assert await _ask(node, netns={"netns": ["cni-nothing"]}) == []

    on_a_node(LocalRuntime, tmp_path, scenario)
