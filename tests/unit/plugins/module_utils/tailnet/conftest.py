# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of stand-in servers; pauses are written down instead of being waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.connect import Settings, connect
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.server import CoordinationServer
from ansible_collections.homelab.talos.tests.support.stand_in_tailnet import (
    TOKEN,
    HeadscaleApi,
    StandInDevice,
    StandInServer,
    TailscaleApi,
    serve,
)

APIS: dict[str, type[TailscaleApi] | type[HeadscaleApi]] = {"tailscale": TailscaleApi, "headscale": HeadscaleApi}
Connect = Callable[..., CoordinationServer]


@pytest.fixture(params=sorted(APIS))
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of the server: each test runs with both."""
    return str(request.param)


@pytest.fixture
def server(kind: str, tmp_path: Path) -> Iterator[StandInServer]:
    """Yield a running server with one gateway in its tailnet."""
    with serve(APIS[kind](), tmp_path) as running:
        running.tailnet.devices.append(StandInDevice("7", "gw1", advertised=["10.96.0.0/12", "10.244.0.0/16"]))
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """Return the pauses that were made."""
    return []


@pytest.fixture
def client(kind: str, server: StandInServer, pauses: list[float]) -> Connect:
    """Return a function that connects, with some settings changed."""

    def make(**changes: Any) -> CoordinationServer:
        wanted: dict[str, Any] = {"kind": kind, "url": server.url, "token": TOKEN, "ca_file": str(server.ca_file)}
        return connect(Settings(**{**wanted, **changes}), pause=pauses.append)

    return make
