# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of pods and of Talos itself, and what they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined import container_usage
from ansible_collections.homelab.talos.lab.machined.container_usage import Usage
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    InvalidArgument,
    TalosError,
    Unimplemented,
)

from .home import Home, control_plane, play, unary
from .real_commands import LocalRuntime, on_a_node

ADDRESS = "198.18.9.11"
CONTAINER = {
    "namespace": "default",
    "pod": "web-1",
    "name": "web",
    "id": "0123456789abcdef",
    "image": "example.test/web:1",
    "pid": 77,
    "status": "CONTAINER_RUNNING",
    "log": None,
}
VERSION_1 = {
    "memory": ["12:memory:/kubepods/pod1/a", "11:cpuset:/x", "5:cpuacct:/kubepods/pod1/a", "4:cpu:/kubepods/pod1/a"],
    "files": {
        "/sys/fs/cgroup/memory/kubepods/pod1/a/memory.usage_in_bytes": ["5000"],
        "/sys/fs/cgroup/memory/kubepods/pod1/a/memory.stat": ["cache 1", "inactive_file 7", "total_inactive_file 1000"],
        "/sys/fs/cgroup/cpuacct/kubepods/pod1/a/cpuacct.usage": ["123456789"],
    },
}
VERSION_2 = {
    "memory": ["0::/kubepods/pod1/a"],
    "files": {
        "/sys/fs/cgroup/kubepods/pod1/a/memory.current": ["5000"],
        "/sys/fs/cgroup/kubepods/pod1/a/memory.stat": ["anon 1", "inactive_file 1000"],
        "/sys/fs/cgroup/kubepods/pod1/a/cpu.stat": ["usage_usec 123456", "user_usec 1"],
    },
}


class Groups(LocalRuntime):
    """Answers grep from the files of one version of control groups."""

    shown: Mapping[str, Any] = {}

    async def run(
        self, argv: Sequence[str], timeout: float = 10.0, input: bytes | None = None
    ) -> tuple[int, bytes, bytes]:
        files = {"/proc/77/cgroup": self.shown["memory"], **self.shown["files"]}
        lines = [f"{path}:{line}" for path in argv if path in files for line in files[path]]
        return 0, "".join(f"{line}\n" for line in lines).encode(), b""


@pytest.mark.parametrize(
    ("shown", "expected"), [(VERSION_1, Usage(4000, 123456789)), (VERSION_2, Usage(4000, 123456000))]
)
def test_usage_of_both_versions_of_control_groups(tmp_path: Path, shown: Mapping[str, Any], expected: Usage) -> None:
    async def scenario(node: Node) -> None:
        Groups.shown = shown
        assert await container_usage.usage(node, [77]) == {77: expected}
        # A container that ended has no group any more.
        assert await container_usage.usage(node, [78]) == {}
        Groups.shown = {"memory": shown["memory"], "files": {}}
        assert await container_usage.usage(node, [77]) == {}
        assert await container_usage.usage(node, []) == {}

    on_a_node(Groups, tmp_path, scenario)


def test_containers_of_talos_and_of_pods(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        machine = await control_plane(lab)

        async def one() -> list[Any]:
            return [CONTAINER]

        lab.programs["cp1"].kubernetes.containers = one  # type: ignore[method-assign]
        async with lab.client(ADDRESS, "os:reader") as client:
            own = {each.id: each for each in (await unary(client, "Containers", namespace="system")).containers}
            assert set(own) == {"apid", "trustd", "ext-zfs-service"}
            (process,) = lab.runtimes["cp1"].running("ext-zfs-service")
            assert (own["ext-zfs-service"].pid, own["apid"].pid) == (process.pid, 0)
            (pod,) = (await unary(client, "Containers", namespace="k8s.io", driver=1)).containers
            assert (pod.id, pod.pod_id, pod.pid) == ("default/web-1:web:0123456789ab", "default/web-1", 77)
            # What has no control group is not counted with zeros.
            assert list((await unary(client, "Stats", namespace="k8s.io", driver=1)).stats) == []
            with pytest.raises(InvalidArgument, match="namespace can't be empty"):
                await unary(client, "Containers")
            with pytest.raises(TalosError, match="CRI inspector is supported only for K8s namespace"):
                await unary(client, "Stats", namespace="system", driver=1)
        async with lab.client(ADDRESS, "os:operator") as client:
            with pytest.raises(TalosError, match='container "default/web-2:web" not found'):
                await unary(client, "Restart", namespace="k8s.io", id="default/web-2:web", driver=1)
            with pytest.raises(Unimplemented, match="Restart is not played for apid"):
                await unary(client, "Restart", namespace="system", id="apid")
            # The fake machine runs no kill; what it was asked for is what counts.
            with pytest.raises(TalosError, match="no such program in this fake"):
                await unary(client, "Restart", namespace="system", id="ext-zfs-service")
            assert ["kill", "-TERM", str(process.pid)] in lab.runtimes["cp1"].commands
        assert ["kill", "-TERM", "0"] not in lab.runtimes["cp1"].commands
        await machine.node.services["ext-zfs-service"].stop()
        assert "ext-zfs-service" not in machine.node.pids

    play(tmp_path, scenario)
