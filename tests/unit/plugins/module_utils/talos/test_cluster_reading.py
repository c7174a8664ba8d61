# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading for the health checks: every node, also those that say less."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.talos.cluster_reading import read_cluster
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    NotAuthorized,
    TalosError,
    Unimplemented,
    Unreachable,
)
from ansible_collections.homelab.talos.tests.unit.plugins.fake_node import FakeNode, FakeWorld


def read(node: FakeNode) -> dict[str, Any]:
    world = FakeWorld(node)
    clients: dict[str, Callable[[], Any]] = {"cp1": lambda: world.client(node.address)}
    return asyncio.run(read_cluster(clients))["cp1"]


def test_everything_a_node_says() -> None:
    node = FakeNode(services={"etcd": ("Running", True)}, members=[(255, "cp1", "198.18.1.11")])
    node.resources = {
        ("VolumeStatuses.block.talos.dev", "EPHEMERAL"): {"phase": "ready", "size": 10737418240},
        ("Diagnostics.runtime.talos.dev", "address-overlap"): {"message": "addresses overlap"},
        ("StaticPodStatuses.kubernetes.talos.dev", "kube-system/kube-scheduler-cp1"): {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
        },
        ("ExtensionStatuses.runtime.talos.dev", "000"): {"metadata": {"name": "drbd"}},
    }
    reading = read(node)
    assert reading["version"]["tag"] == "v1.13.9"
    assert reading["stage"] == "running"
    assert reading["etcd_members"][0]["addresses"] == ["198.18.1.11"]
    assert reading["memory_kib"] == 4 * 1024 * 1024
    assert reading["ephemeral_bytes"] == 10737418240
    assert reading["diagnostics"] == ["addresses overlap"]
    assert reading["static_pods"] == [{"id": "kube-scheduler-cp1", "phase": "Running", "ready": True}]
    assert [item["name"] for item in reading["extensions"]] == ["drbd"]


def test_a_node_that_says_less() -> None:
    node = FakeNode(refuse={"Memory": NotAuthorized("x", "no"), "list Diagnostics": Unimplemented("x", "no")})
    reading = read(node)
    assert "memory_kib" not in reading
    assert "diagnostics" not in reading
    assert (reading["etcd_members"], reading["etcd_error"]) == (None, "etcd does not run")


def test_etcd_that_does_not_answer_is_no_dead_node() -> None:
    node = FakeNode(services={"etcd": ("Running", True)})
    node.refuse["EtcdMemberList"] = TalosError("x", "context deadline exceeded")
    reading = read(node)
    assert (reading["etcd_members"], reading["etcd_error"]) == (None, "context deadline exceeded")


def test_a_dead_node_is_one_line() -> None:
    reading = read(FakeNode(refuse={"connect": Unreachable("198.18.1.11:50000", "connection refused")}))
    assert list(reading) == ["error"]
    assert reading["error"].startswith("198.18.1.11:50000: connection refused")


CONFIG = ("KubePrismConfigs.kubernetes.talos.dev", "k8s-loadbalancer-config")
STATUS = ("KubePrismStatuses.kubernetes.talos.dev", "k8s-loadbalancer")
BALANCING = {"host": "127.0.0.1", "port": 7445, "endpoints": [{"host": "198.18.1.11", "port": 6443}]}


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        ({}, None),
        (
            {CONFIG: BALANCING, STATUS: {"host": "127.0.0.1:7445", "healthy": False}},
            {"host": "127.0.0.1:7445", "healthy": False, "endpoints": ["198.18.1.11:6443"]},
        ),
        ({CONFIG: BALANCING}, {"host": "127.0.0.1:7445", "healthy": None, "endpoints": ["198.18.1.11:6443"]}),
        ({CONFIG: {}, STATUS: {}}, {"host": "its address", "healthy": None, "endpoints": []}),
        ({CONFIG: None, STATUS: None}, {"host": "its address", "healthy": None, "endpoints": []}),
    ],
)
def test_kubeprism_is_read_as_it_is_configured_and_as_it_is(resources: dict[Any, Any], wanted: Any) -> None:
    assert read(FakeNode(resources=resources)).get("kubeprism") == wanted


def test_a_node_that_does_not_know_kubeprism() -> None:
    assert "kubeprism" not in read(FakeNode(refuse={"list KubePrismConfigs": Unimplemented("x", "no")}))
