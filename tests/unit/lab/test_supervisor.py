# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod network of a lab is kept up although machines lose power at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab import supervisor
from ansible_collections.homelab.talos.lab.description import LabDescription
from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host.record import LabRecord

DESCRIPTION = {
    "name": "unit",
    "subnet": "198.18.9.0/24",
    "talos_version": "v1.13.9",
    "nodes": [{"name": "cp1", "address": "198.18.9.11"}],
}


def test_the_pod_network_survives_a_machine_that_lost_power(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = Engine(tmp_path, tmp_path, tmp_path, "unit", {})
    lab = supervisor.Supervisor(
        LabDescription.from_mapping(DESCRIPTION), LabRecord("unit", "198.18.9.0/24", "hlt0"), engine
    )
    node = lab._machines["cp1"].node
    monkeypatch.setattr(node, "powered", True)
    monkeypatch.setattr(node, "config", SimpleNamespace())
    monkeypatch.setattr(node, "kubernetes_node", SimpleNamespace(pod_cidrs=("10.244.0.0/24",)))
    monkeypatch.setattr(supervisor, "_POD_NETWORK_PERIOD_SECONDS", 0)
    connected = asyncio.Event()
    calls: list[str] = []

    async def connect(_runtime: Any, _config: Any, cidr: str, _others: Any) -> None:
        calls.append(cidr)
        if len(calls) == 1:
            raise LabError("node cp1 is powered off", "start cp1 first")
        connected.set()

    monkeypatch.setattr(supervisor, "connect_pods", connect)

    async def play() -> None:
        keeping = asyncio.create_task(lab._keep_pods_connected())
        await asyncio.wait_for(connected.wait(), 60)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(play())
    assert calls == ["10.244.0.0/24", "10.244.0.0/24"]
