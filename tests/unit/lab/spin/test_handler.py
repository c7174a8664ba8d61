# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handler is there exactly where the extension is, and only the creation of a container is prepared."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import Facts
from ansible_collections.homelab.talos.lab.programs.containerd import Containerd
from ansible_collections.homelab.talos.lab.spin import handler
from ansible_collections.homelab.talos.plugins.module_utils.talos import secrets_bundle
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.render import render
from ansible_collections.homelab.talos.tests.support import definitions
from ansible_collections.homelab.talos.tests.unit.lab.programs.conftest import FACTS, RecordingRuntime


def runtimes(directory: Path, facts: Facts) -> dict[str, Any]:
    config = render(definitions.cluster(), definitions.node("cp1"), secrets_bundle.generate())
    runtime: Any = RecordingRuntime(directory)
    asyncio.run(Containerd(runtime).prepare(config, facts))
    text = (directory / "etc/cri/containerd.toml").read_text(encoding="utf-8")
    plugins: dict[str, Any] = tomllib.loads(text)["plugins"]
    found: dict[str, Any] = plugins["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]
    return found


def test_a_node_with_the_extension_has_the_handler(tmp_path: Path) -> None:
    found = runtimes(tmp_path, dataclasses.replace(FACTS, extensions=("drbd", "spin")))
    assert found["spin"]["options"]["BinaryName"] == handler.RUNTIME_FILE
    assert os.access(tmp_path / "etc/cri/spin-runtime", os.X_OK)


def test_a_node_without_the_extension_has_none(tmp_path: Path) -> None:
    assert set(runtimes(tmp_path, dataclasses.replace(FACTS, extensions=("drbd",)))) == {"runc"}
    assert not (tmp_path / "etc/cri/spin-runtime").exists()


@pytest.mark.parametrize("command", ["state", "start", "kill", "delete"])
def test_other_commands_go_to_runc_as_they_are(tmp_path: Path, command: str) -> None:
    (tmp_path / "runc").write_text('#!/bin/sh\necho "runc: $*"\n', encoding="utf-8")
    (tmp_path / "runc").chmod(0o755)
    arguments = ["--root", "/run/x", command, "abc create.d"]
    done = subprocess.run(
        ["sh", "-c", handler.runtime_program(), "spin-runtime", *arguments],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"runc: --root /run/x {command} abc create.d\n"
