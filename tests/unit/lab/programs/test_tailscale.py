# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tailscale extension of a gateway gets the environment of its document, and little else."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.lab.programs.substitutions import SUBSTITUTIONS
from ansible_collections.homelab.talos.lab.programs.tailscale import Tailscale
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

DOCUMENT = {"apiVersion": "v1alpha1", "kind": "ExtensionServiceConfig", "name": "tailscale"}
FACTS = Facts("gw1", "198.18.9.21", "worker")


class FakeRuntime:
    """A machine that notes which commands it runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ran: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str]) -> tuple[int, bytes, bytes]:
        self.ran.append(argv)
        return 0, b"", b""


def prepared(runtime: Any, **document: Any) -> Any:
    return asyncio.run(Tailscale(runtime).prepare(MachineConfig([{**DOCUMENT, **document}]), FACTS))


def test_the_environment_is_that_of_extension_and_document(tmp_path: Path) -> None:
    runtime = FakeRuntime(tmp_path)
    routes = "TS_ROUTES=10.96.0.0/12,10.244.0.0/16"
    command = prepared(
        runtime, environment=["TS_AUTHKEY=key=1", routes, "TS_STATE_DIR=/var/lib/other", "TS_AUTHKEY=k2"]
    )
    assert command.argv == ("/opt/engine/containerboot",)
    assert command.env == {
        "TS_SOCKET": "/var/run/tailscale/tailscaled.sock",
        "TS_STATE_DIR": "/var/lib/other",
        "TS_USERSPACE": "false",
        "TS_AUTHKEY": "k2",
        "TS_ROUTES": "10.96.0.0/12,10.244.0.0/16",
        "TS_NO_LOGS_NO_SUPPORT": "true",
    }
    assert stat.S_IMODE((tmp_path / "var/lib/tailscale").stat().st_mode) == 0o700
    assert ["mkdir", "-p", "/run/tailscale"] in runtime.ran


def test_what_the_lab_adds_is_in_the_table_of_substitutions() -> None:
    assert "TS_NO_LOGS_NO_SUPPORT" in {each.setting for each in SUBSTITUTIONS if each.program == "extensions"}


def test_files_that_the_lab_does_not_mount_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the lab does not mount configFiles"):
        prepared(FakeRuntime(tmp_path), configFiles=[{"content": "x", "mountPath": "/etc/x"}])


def test_the_daemon_ends_with_its_container(tmp_path: Path) -> None:
    runtime: Any = FakeRuntime(tmp_path)
    asyncio.run(Tailscale(runtime).ended())
    assert runtime.ran == [["pkill", "-KILL", "-x", "tailscaled"]]
