# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd_snapshot: a whole snapshot or none, private, and usable for a recovery."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.etcd_snapshot import (
    SnapshotError,
    check_snapshot,
)
from ansible_collections.homelab.talos.plugins.modules import bootstrap, etcd_snapshot
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld

CONTENT = b"page" * 128 * 3
WHOLE = CONTENT + hashlib.sha256(CONTENT).digest()


def member(data: bytes) -> FakeNode:
    node = FakeNode(services={"etcd": ("Running", True)}, members=[(1, "cp1", "198.18.1.11")])
    pieces = [message("common.Data")(bytes=data[start : start + 600]) for start in range(0, len(data), 600)]
    node.answers["EtcdSnapshot"] = lambda node, request: pieces
    return node


@pytest.fixture
def options(talosconfig: Path, tmp_path: Path) -> dict[str, Any]:
    target = tmp_path / "kept/etcd.snapshot"
    return {"endpoint": "198.18.1.11", "name": "cp1", "talosconfig": str(talosconfig), "path": str(target)}


def test_saves_a_private_file(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes["198.18.1.11"] = member(WHOLE)
    result = run_module(etcd_snapshot, **options)
    path = Path(options["path"])
    assert (result["changed"], result["size"], result["members"]) == (True, len(WHOLE), ["cp1"])
    assert result["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert path.read_bytes() == WHOLE
    assert path.stat().st_mode & 0o777 == 0o600


def test_check_mode_saves_nothing(run_module: Any, options: dict[str, Any], world: FakeWorld) -> None:
    world.nodes["198.18.1.11"] = member(WHOLE)
    assert run_module(etcd_snapshot, check_mode=True, **options)["changed"]
    assert not Path(options["path"]).exists()
    assert "EtcdSnapshot" not in world.nodes["198.18.1.11"].calls


@pytest.mark.parametrize("damaged", [WHOLE[:-1], WHOLE[:100] + b"X" + WHOLE[101:], b""])
def test_a_damaged_transfer_leaves_the_snapshot_of_before(
    run_module: Any, options: dict[str, Any], world: FakeWorld, damaged: bytes
) -> None:
    path = Path(options["path"])
    path.parent.mkdir()
    path.write_bytes(b"before")
    world.nodes["198.18.1.11"] = member(damaged)
    result = run_module(etcd_snapshot, **options)
    assert result["msg"] == "cp1: the snapshot arrived damaged; take it again"
    assert [each.name for each in path.parent.iterdir()] == ["etcd.snapshot"]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text", "is not a snapshot of etcd; take one"),
        (CONTENT, "is not a snapshot of etcd; take one"),
        (WHOLE[:9] + b"X" + WHOLE[10:], "is damaged: its content does not fit the hash at its end"),
    ],
)
def test_what_is_no_whole_snapshot_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=words):
        check_snapshot(path)


def waiting() -> FakeNode:
    return FakeNode(stage="booting", services={"etcd": ("Preparing", None), "cri": ("Running", True)})


def recovery(talosconfig: Path, snapshot: Path) -> dict[str, Any]:
    planes = [{"name": "cp1", "address": "198.18.1.11"}]
    return {
        "endpoint": "198.18.1.11",
        "name": "cp1",
        "talosconfig": str(talosconfig),
        "control_planes": planes,
        "recover_from": str(snapshot),
        "wait_timeout": 30,
    }


def test_bootstrap_hands_the_snapshot_over_and_recovers(
    run_module: Any, world: FakeWorld, talosconfig: Path, tmp_path: Path
) -> None:
    (tmp_path / "snapshot").write_bytes(WHOLE)
    node = world.nodes["198.18.1.11"] = waiting()
    result = run_module(bootstrap, **recovery(talosconfig, tmp_path / "snapshot"))
    assert (result["changed"], result["recovered"]) == (True, True)
    assert node.uploads == {"EtcdRecover": WHOLE}
    assert [request.recover_etcd for request in node.requests if "Bootstrap" in type(request).__name__] == [True]
    again = run_module(bootstrap, **recovery(talosconfig, tmp_path / "snapshot"))
    assert (again["changed"], again["recovered"]) == (False, False)
    assert node.calls.count("EtcdRecover") == 1


def test_bootstrap_refuses_a_damaged_snapshot_before_it_asks_anybody(
    run_module: Any, world: FakeWorld, talosconfig: Path, tmp_path: Path
) -> None:
    (tmp_path / "snapshot").write_bytes(WHOLE[:-3])
    node = world.nodes["198.18.1.11"] = waiting()
    result = run_module(bootstrap, **recovery(talosconfig, tmp_path / "snapshot"))
    assert "is not a snapshot of etcd" in result["msg"]
    assert node.calls == []
