# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, processes and links of a node: commands run for real, on a directory of the test or from a script."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.lab.machined.call import Call
from ansible_collections.homelab.talos.lab.machined.file_entry import Entry
from ansible_collections.homelab.talos.lab.machined.network_control import apply_network
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.node_files import (
    BOOT_ID,
    FileError,
    archive,
    list_files,
    read_file,
)
from ansible_collections.homelab.talos.lab.machined.resources import network
from ansible_collections.homelab.talos.lab.machined.rpc import files, system
from ansible_collections.homelab.talos.lab.node.output import PIECE_BYTES
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import method
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

from .real_commands import LocalRuntime, ScriptedRuntime, on_a_node


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_bytes(b"\x00binary\xff")
    (root / "sub" / "inner").write_text("inner")
    (root / "link").symlink_to("file")
    (root / "file").chmod(0o640)
    return root


async def _content(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def test_reading(tmp_path: Path, tree: Path) -> None:
    async def scenario(node: Node) -> None:
        assert await _content(read_file(node, str(tree / "file"))) == b"\x00binary\xff"
        assert await _content(read_file(node, BOOT_ID)) == f"{node.runtime.boot_id}\n".encode()
        with pytest.raises(FileError, match="no such file or directory") as missing:
            await _content(read_file(node, str(tree / "nothing")))
        assert missing.value.missing
        with pytest.raises(FileError, match="path must be a regular file"):
            await _content(read_file(node, str(tree)))
        with pytest.raises(FileError):
            await _content(read_file(node, "/system/state/../../../../etc/passwd\n"))

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


def test_big_files_come_in_pieces_and_stop_when_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)

    async def scenario(node: Node) -> None:
        whole = [len(piece) async for piece in read_file(node, str(tmp_path / "big"))]
        assert sum(whole) == 3_000_000
        assert max(whole) <= PIECE_BYTES
        endless = read_file(node, "/dev/null")
        with pytest.raises(FileError, match="path must be a regular file"):
            await anext(endless)
        some = read_file(node, str(tmp_path / "big"))
        assert await anext(some)
        await some.aclose()
        runtime = node.runtime
        assert isinstance(runtime, LocalRuntime)
        assert [process.returncode for process in runtime.streaming] == [0, 45, -9]

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


async def _names(node: Node, root: str, depth: int) -> dict[str, Entry]:
    return {entry.relative: entry async for entry in list_files(node, root, depth)}


def test_listing(tmp_path: Path, tree: Path) -> None:
    async def scenario(node: Node) -> None:
        found = await _names(node, str(tree), 1)
        assert set(found) == {".", "file", "sub", "link"}
        assert found["file"].mode == 0o640
        assert found["sub"].mode & (1 << 31)
        assert (found["link"].mode >> 27 & 1, found["link"].link) == (1, "file")
        assert found["file"].uid == os.getuid()
        assert "sub/inner" in await _names(node, str(tree), -1)
        with pytest.raises(FileError, match=f"lstat {tree}/nothing: no such file or directory"):
            await _names(node, str(tree / "nothing"), 1)
        # A link is followed when it is the root.
        (tree / "there").symlink_to(tree / "sub")
        assert set(await _names(node, str(tree / "there"), 1)) == {".", "inner"}

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


def test_files_of_the_state_partition_have_the_names_of_the_node(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        (node.partitions.state / "sub").mkdir(parents=True)
        (node.partitions.state / "config.yaml").write_text("machine: {}\n")
        (node.partitions.state / "sub" / "inner").write_text("inner")
        found = await _names(node, "/system/state", 1)
        assert {name: entry.path for name, entry in found.items()} == {
            ".": "/system/state",
            "config.yaml": "/system/state/config.yaml",
            "sub": "/system/state/sub",
        }
        assert "sub/inner" in await _names(node, "/system/state", -1)
        assert set(await _names(node, "/system/state/config.yaml", 1)) == {"config.yaml"}
        with tarfile.open(fileobj=io.BytesIO(await _content(archive(node, "/system/state")))) as tar:
            assert set(tar.getnames()) == {"config.yaml", "sub", "sub/inner"}
        assert await _content(read_file(node, "/system/state/config.yaml")) == b"machine: {}\n"
        with pytest.raises(FileError, match="lstat /system/state/nothing: no such file or directory"):
            await _names(node, "/system/state/nothing", 1)

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


def test_archive(tmp_path: Path, tree: Path) -> None:
    async def scenario(node: Node) -> None:
        with tarfile.open(fileobj=io.BytesIO(await _content(archive(node, str(tree))))) as tar:
            assert set(tar.getnames()) == {"file", "link", "sub", "sub/inner"}
        with tarfile.open(fileobj=io.BytesIO(await _content(archive(node, str(tree / "file"))))) as tar:
            assert tar.getnames() == ["file"]
        with pytest.raises(FileError):
            await _content(archive(node, str(tree / "nothing")))

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


async def _stream(node: Node, handlers: Any, name: str, **fields: Any) -> list[Any]:
    path = f"/machine.MachineService/{name}"
    call = Call(path, method(path).request_class(**fields), frozenset({"os:admin"}))
    return [reply async for reply in handlers(node)[path](call)]


def test_list_call(tmp_path: Path, tree: Path) -> None:
    async def scenario(node: Node) -> None:
        plain = await _stream(node, files.handlers, "List", root=str(tree))
        assert {each.relative_name for each in plain} == {".", "file", "sub", "link"}
        only = await _stream(node, files.handlers, "List", root=str(tree), recurse=True, types=[0])
        assert {each.relative_name for each in only} == {"file", "sub/inner"}
        with pytest.raises(GRPCError, match="no such file or directory") as missing:
            await _stream(node, files.handlers, "List", root=str(tree / "nothing"))
        assert missing.value.status is Status.UNKNOWN

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


def test_disk_usage_call(tmp_path: Path, tree: Path) -> None:
    async def scenario(node: Node) -> None:
        found = {
            each.relative_name: each.size
            for each in await _stream(node, files.handlers, "DiskUsage", paths=[str(tree)])
        }
        assert set(found) == {".", "sub"}
        assert found["."] > found["sub"] >= 5
        order = [each.relative_name for each in await _stream(node, files.handlers, "DiskUsage", paths=[str(tree)])]
        assert order == ["sub", "."]
        (missing,) = await _stream(node, files.handlers, "DiskUsage", paths=[str(tree / "nothing")])
        assert "no such file or directory" in missing.error

    on_a_node(LocalRuntime, tmp_path / "node", scenario)


def test_processes_and_mounts(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        path = "/machine.MachineService/Processes"
        reply = await system.handlers(node)[path](Call(path, None, frozenset()))  # type: ignore[misc]
        mine = [each for each in reply.messages[0].processes if each.pid == os.getpid()]
        assert len(mine) == 1
        assert "pytest" in mine[0].args
        assert mine[0].executable.startswith("/")
        assert mine[0].resident_memory > 1024 * 1024
        path = "/machine.MachineService/Mounts"
        reply = await files.handlers(node)[path](Call(path, None, frozenset()))  # type: ignore[misc]
        roots = [each for each in reply.messages[0].stats if each.mounted_on == "/"]
        assert roots[0].size >= roots[0].available > 0

    on_a_node(LocalRuntime, tmp_path, scenario)


def test_mounts_that_another_one_hides_are_not_told() -> None:
    table = "overlay / x\nproc /proc x\nnsfs /run/netns/other x\ntmpfs /run x\nnsfs /run/netns/own x\ndev /proc x"
    rows = files.visible([line.split() for line in table.splitlines()])
    assert [row[:2] for row in rows] == [
        ["overlay", "/"],
        ["tmpfs", "/run"],
        ["nsfs", "/run/netns/own"],
        ["dev", "/proc"],
    ]


ADDRESSES = [
    {"ifname": "lo", "ifindex": 1, "flags": ["LOOPBACK", "UP"], "link_type": "loopback", "addr_info": []},
    {
        "ifname": "eth0",
        "ifindex": 7,
        "link_index": 8,
        "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
        "mtu": 1500,
        "operstate": "UP",
        "link_type": "ether",
        "address": "02:00:00:00:00:01",
        "linkinfo": {"info_kind": "veth"},
        "addr_info": [
            {"family": "inet", "local": "198.18.9.11", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    },
    {
        "ifname": "cni0",
        "ifindex": 9,
        "flags": ["UP"],
        "link_type": "ether",
        "addr_info": [{"family": "inet", "local": "10.244.0.1", "prefixlen": 24, "scope": "global"}],
    },
]
ROUTES = [
    {"dst": "default", "gateway": "198.18.9.1", "dev": "eth0", "metric": 1024, "protocol": "static", "flags": []},
    {"dst": "198.18.9.0/24", "dev": "eth0", "protocol": "kernel", "scope": "link", "prefsrc": "198.18.9.11"},
]


def test_network_resources_from_the_kernel(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        text = json.dumps(ADDRESSES) + "\n" + json.dumps(ROUTES) + "\n[]\n"
        ScriptedRuntime.answers = {f"sh -c {network._SCRIPT}": text}
        node.config = MachineConfig.from_text("cluster: {network: {podSubnets: [10.244.0.0/16]}}")
        await network.refresh(node)

        def spec(type: str, id: str) -> Any:
            return node.store.spec("network", f"{type}.net.talos.dev", id)

        assert (spec("LinkStatuses", "eth0")["kind"], spec("LinkStatuses", "eth0")["operationalState"]) == (
            "veth",
            "up",
        )
        assert spec("AddressStatuses", "eth0/198.18.9.11/24")["family"] == "inet4"
        assert spec("RouteStatuses", "inet4/198.18.9.1//1024")["outLinkName"] == "eth0"
        assert spec("RouteStatuses", "inet4//198.18.9.0/24/0")["src"] == "198.18.9.11"
        assert spec("NodeAddresses", "current")["addresses"] == ["198.18.9.11/24", "10.244.0.1/24"]
        assert spec("NodeAddresses", "routed-no-k8s")["addresses"] == ["198.18.9.11/24"]
        assert spec("NodeAddresses", "current-only-k8s")["addresses"] == ["10.244.0.1/24"]
        assert node.address == "198.18.9.11"

    on_a_node(ScriptedRuntime, tmp_path, scenario)


CONFIG = """
machine: {}
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1400
addresses: [{address: 198.18.9.12/24}]
routes: [{gateway: 198.18.9.1}, {destination: 10.9.0.0/16, gateway: 198.18.9.2}]
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: cp1.home
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{address: 198.18.9.1}]
searchDomains: {domains: [home]}
---
apiVersion: v1alpha1
kind: StaticHostConfig
name: 198.18.9.50
hostnames: [nas, nas.home]
"""


def test_network_configuration_replaces_the_lease(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        lease = {"dst": "default", "gateway": "198.18.9.1", "flags": []}
        ScriptedRuntime.answers = {
            "ip -j address show dev eth0": json.dumps(ADDRESSES[1:2]),
            "ip -j route show default dev eth0": json.dumps([lease, lease | {"metric": 1024}]),
            "ip -j route show 10.9.0.0/16 dev eth0": json.dumps([{"dst": "10.9.0.0/16", "metric": 1024}]),
        }
        node.config = MachineConfig.from_text(CONFIG)
        await apply_network(node)
        assert (node.hostname, node.domainname) == ("cp1", "home")

    runtime = on_a_node(ScriptedRuntime, tmp_path, scenario)
    assert [" ".join(argv) for argv in runtime.commands] == [
        "ip -j address show dev eth0",
        "ip link set dev eth0 mtu 1400",
        "ip link set dev eth0 up",
        "ip address del 198.18.9.11/24 dev eth0",
        "ip address replace 198.18.9.12/24 dev eth0",
        "ip route replace default via 198.18.9.1 dev eth0 proto static metric 1024",
        "ip -j route show default dev eth0",
        "ip route del default via 198.18.9.1 dev eth0",
        "ip route replace 10.9.0.0/16 via 198.18.9.2 dev eth0 proto static metric 1024",
        "ip -j route show 10.9.0.0/16 dev eth0",
        "hostname cp1",
    ]
    etc = tmp_path / "etc"
    assert (etc / "resolv.conf").read_text() == "nameserver 198.18.9.1\nsearch home\n"
    assert "198.18.9.50 nas nas.home\n" in (etc / "hosts").read_text()
    assert 'PRETTY_NAME="Talos (v1.13.9)"' in (etc / "os-release").read_text()
    assert len((etc / "machine-id").read_text()) == 33


def test_without_addresses_the_lease_stays(tmp_path: Path) -> None:
    async def scenario(node: Node) -> None:
        ScriptedRuntime.answers = {}
        node.config = MachineConfig.from_text("machine: {network: {hostname: cp1}}")
        await apply_network(node)

    runtime = on_a_node(ScriptedRuntime, tmp_path, scenario)
    assert runtime.commands == [["hostname", "cp1"]]
