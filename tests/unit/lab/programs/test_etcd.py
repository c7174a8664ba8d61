# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd starts a cluster only when asked to, joins otherwise, and continues with the data it has."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdError, Facts, NotReadyYet, Peer
from ansible_collections.homelab.talos.lab.programs.etcd import Etcd
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

FACTS = Facts(hostname="cp1", address="198.18.1.11", machine_type="controlplane")
OTHER = Peer("cp2", ("198.18.1.12",), "controlplane")
WORKER = Peer("node1", ("198.18.1.13",), "worker")


def members(*rows: tuple[int, str, str]) -> bytes:
    content = [{"ID": id, "name": name, "peerURLs": [url], "clientURLs": []} for id, name, url in rows]
    return json.dumps({"members": content}).encode()


def test_bootstrap_starts_a_new_cluster_of_one(controlplane: MachineConfig, runtime: Any) -> None:
    command = asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=True)))
    assert "--initial-cluster-state=new" in command.argv
    assert "--initial-cluster=cp1=https://198.18.1.11:2380" in command.argv


def test_without_bootstrap_and_without_peer_it_waits(controlplane: MachineConfig, runtime: Any) -> None:
    with pytest.raises(NotReadyYet, match="waiting for bootstrap"):
        asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, peers=(WORKER,))))
    assert runtime.commands == []


def test_it_joins_the_cluster_of_another_control_plane(controlplane: MachineConfig, runtime: Any) -> None:
    first = (1, "cp2", "https://198.18.1.12:2380")
    runtime.answers = [
        (0, members(first), b""),
        (0, b"{}", b""),
        (0, members(first, (2, "", "https://198.18.1.11:2380")), b""),
    ]
    command = asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, peers=(OTHER,))))
    assert "--initial-cluster-state=existing" in command.argv
    assert "--initial-cluster=cp2=https://198.18.1.12:2380,cp1=https://198.18.1.11:2380" in command.argv
    assert "--endpoints=https://198.18.1.12:2379" in runtime.commands[0]


def test_it_continues_with_its_data(controlplane: MachineConfig, runtime: Any) -> None:
    (runtime.directory / "var/lib/etcd/member/snap").mkdir(parents=True)
    command = asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=True)))
    assert "--initial-cluster-state=existing" in command.argv
    assert not [word for word in command.argv if word.startswith("--initial-cluster=")]


def test_keys_are_private(controlplane: MachineConfig, runtime: Any) -> None:
    asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=True)))
    keys = list((runtime.directory / "etc/kubernetes/pki/etcd").glob("*.key"))
    assert {path.name for path in keys} == {"server.key", "peer.key", "admin.key", "kube-apiserver.key"}
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_health_repeats_what_etcdctl_says(controlplane: MachineConfig, runtime: Any) -> None:
    runtime.answers = [(0, b"[]", b""), (1, b"", b'{"error":"context deadline exceeded"}\n')]
    etcd = Etcd(runtime)
    assert asyncio.run(etcd.health(controlplane)) is None
    assert asyncio.run(etcd.health(controlplane)) == "context deadline exceeded"


def test_removing_an_unknown_member_is_not_found(runtime: Any) -> None:
    runtime.answers = [(1, b"", b"Error: etcdserver: member not found\n")]
    with pytest.raises(EtcdError, match="member not found") as caught:
        asyncio.run(Etcd(runtime).remove_member(255))
    assert caught.value.code == "NotFound"
    assert "ff" in runtime.commands[0]
