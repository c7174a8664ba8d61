# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of the storage class lab-shared come and go with their claims, and nobody else's are touched."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.programs.shared_volumes import (
    PROVISIONER,
    STORAGE_CLASS,
    SharedVolumes,
    changes,
)


def claim(name: str = "data", storage_class: str = STORAGE_CLASS, phase: str = "Pending") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "apps", "uid": f"uid-{name}"},
        "spec": {
            "storageClassName": storage_class,
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": phase},
    }


def volume(name: str, phase: str, by: str = PROVISIONER, policy: str = "Delete") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": by}},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }


class FakeCluster:
    """Answers lists with *items* by the last word of the path, and keeps what is changed."""

    def __init__(self, **items: list[dict[str, Any]]) -> None:
        self.items = items
        self.changed: list[tuple[str, str]] = []

    async def administer(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        if method != "GET":
            self.changed.append((method, path if body is None else f"{path} {body['metadata']['name']}"))
        return {"items": self.items.get(path.rpartition("/")[2], [])}


def turn(directory: Path, cluster: FakeCluster) -> list[tuple[str, str]]:
    asyncio.run(SharedVolumes(directory, lambda: cluster).turn(cluster))
    return cluster.changed


CLASS = {"metadata": {"name": STORAGE_CLASS}}
VOLUMES = "/api/v1/persistentvolumes"


def test_a_claim_gets_a_directory_that_every_node_sees() -> None:
    (made,) = changes([claim()], []).create
    assert made["metadata"]["name"] == "pvc-uid-data"
    assert made["spec"]["hostPath"] == {"path": "/opt/lab-shared/pvc-uid-data", "type": "Directory"}
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert "nodeAffinity" not in made["spec"]
    assert made["spec"]["claimRef"]["uid"] == "uid-data"


def test_claims_of_other_classes_and_bound_ones_get_none() -> None:
    others = [claim("a", "local"), claim("b", phase="Bound")]
    assert changes(others, []).create == []


def test_a_volume_is_made_once() -> None:
    assert changes([claim()], [volume("pvc-uid-data", "Available")]).create == []


def test_only_released_volumes_of_ours_are_removed() -> None:
    volumes = [
        volume("pvc-gone", "Released"),
        volume("pvc-used", "Bound"),
        volume("pvc-kept", "Released", policy="Retain"),
        volume("pvc-other", "Released", by="someone.else"),
    ]
    assert changes([], volumes).remove == ["pvc-gone"]


def test_the_directory_is_there_before_the_volume_and_gone_after_it(tmp_path: Path) -> None:
    cluster = FakeCluster(storageclasses=[CLASS], persistentvolumeclaims=[claim()])
    assert turn(tmp_path, cluster) == [("POST", f"{VOLUMES} pvc-uid-data")]
    kept = tmp_path / "pvc-uid-data"
    assert kept.stat().st_mode & 0o777 == 0o777
    cluster = FakeCluster(storageclasses=[CLASS], persistentvolumes=[volume("pvc-uid-data", "Released")])
    assert turn(tmp_path, cluster) == [("DELETE", f"{VOLUMES}/pvc-uid-data")]
    assert not kept.exists()


def test_the_class_is_made_when_the_cluster_has_none(tmp_path: Path) -> None:
    assert turn(tmp_path, FakeCluster()) == [("POST", f"/apis/storage.k8s.io/v1/storageclasses {STORAGE_CLASS}")]


def test_an_api_that_is_away_ends_nothing(tmp_path: Path, capsys: Any) -> None:
    class Away:
        async def administer(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
            raise OSError("connection refused")

    class Stop(Exception):
        """The end of the test."""

    turns: list[float] = []

    async def pause(seconds: float) -> None:
        turns.append(seconds)
        if len(turns) == 2:
            raise Stop

    with contextlib.suppress(Stop):
        asyncio.run(SharedVolumes(tmp_path, Away).keep(pause))
    assert capsys.readouterr().out == "shared volumes: connection refused\n" * 2
