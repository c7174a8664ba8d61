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

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdError, EtcdStart, Facts, NotReadyYet, Peer
from ansible_collections.homelab.talos.lab.programs.etcd import Etcd
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

FACTS = Facts(hostname="cp1", address="198.18.1.11", machine_type="controlplane")
OTHER = Peer("cp2", ("198.18.1.12",), "controlplane")
WORKER = Peer("node1", ("198.18.1.13",), "worker")


def members(*rows: tuple[int, str, str]) -> bytes:
    content = [{"ID": id, "name": name, "peerURLs": [url], "clientURLs": []} for id, name, url in rows]
    return json.dumps({"members": content}).encode()


def test_bootstrap_starts_a_new_cluster_of_one(controlplane: MachineConfig, runtime: Any) -> None:
    command = asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=EtcdStart())))
    assert "--initial-cluster-state=new" in command.argv
    assert "--initial-cluster=cp1=https://198.18.1.11:2380" in command.argv


def test_without_bootstrap_and_without_peer_it_waits(controlplane: MachineConfig, runtime: Any) -> None:
    with pytest.raises(NotReadyYet, match="waiting for bootstrap"):
        asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, peers=(WORKER,))))
    assert runtime.commands == []


def test_it_joins_the_cluster_of_another_control_plane_as_a_learner(controlplane: MachineConfig, runtime: Any) -> None:
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
    assert [command[1:3] for command in runtime.commands] == [["member", "list"], ["member", "add"], ["member", "list"]]
    assert "--learner" in runtime.commands[1]


def test_what_it_was_before_it_lost_its_data_leaves_first(controlplane: MachineConfig, runtime: Any) -> None:
    first, former = (1, "cp2", "https://198.18.1.12:2380"), (9, "cp1", "https://198.18.1.11:2380")
    runtime.answers = [
        (0, members(first, former), b""),
        (0, b"{}", b""),
        (0, b"{}", b""),
        (0, members(first, (2, "", "https://198.18.1.11:2380")), b""),
    ]
    asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, peers=(OTHER,))))
    assert runtime.commands[1][1:4] == ["member", "remove", "9"]
    assert runtime.commands[2][1:3] == ["member", "add"]


def test_a_learner_that_never_started_is_not_added_again(controlplane: MachineConfig, runtime: Any) -> None:
    rows = [
        {"ID": 1, "name": "cp2", "peerURLs": ["https://198.18.1.12:2380"]},
        {"ID": 2, "peerURLs": ["https://198.18.1.11:2380"], "isLearner": True},
    ]
    runtime.answers = [(0, json.dumps({"members": rows}).encode(), b"")] * 2
    asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, peers=(OTHER,))))
    assert [command[1:3] for command in runtime.commands] == [["member", "list"], ["member", "list"]]


def test_recovery_restores_the_snapshot_and_uses_it_up(controlplane: MachineConfig, runtime: Any) -> None:
    snapshot = runtime.directory / "var/lib/etcd.snapshot"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_bytes(b"snapshot")
    facts = replace(FACTS, bootstrap=EtcdStart(recover=True, skip_hash_check=True))
    command = asyncio.run(Etcd(runtime).prepare(controlplane, facts))
    assert runtime.commands[0][:4] == ["/opt/engine/etcdutl", "snapshot", "restore", "/var/lib/etcd.snapshot"]
    assert {"--data-dir=/var/lib/etcd", "--skip-hash-check", "--name=cp1"} <= set(runtime.commands[0])
    assert not snapshot.exists()
    assert "--initial-cluster=cp1=https://198.18.1.11:2380" in command.argv


def test_a_snapshot_that_cannot_be_restored_leaves_no_data(controlplane: MachineConfig, runtime: Any) -> None:
    data = runtime.directory / "var/lib/etcd/member"
    data.parent.mkdir(parents=True)
    runtime.answers = [(1, b"", b"Error: expected sha256 [1], got [2]\n")]
    with pytest.raises(RuntimeError, match="error recovering from the snapshot: Error: expected sha256"):
        asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=EtcdStart(recover=True))))
    assert not data.parent.exists()


def test_it_continues_with_its_data(controlplane: MachineConfig, runtime: Any) -> None:
    (runtime.directory / "var/lib/etcd/member/snap").mkdir(parents=True)
    command = asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=EtcdStart())))
    assert "--initial-cluster-state=existing" in command.argv
    assert not [word for word in command.argv if word.startswith("--initial-cluster=")]


def test_keys_are_private(controlplane: MachineConfig, runtime: Any) -> None:
    asyncio.run(Etcd(runtime).prepare(controlplane, replace(FACTS, bootstrap=EtcdStart())))
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
