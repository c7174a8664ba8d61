# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program docker that a recipe finds: what it passes on, and what it keeps back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.container_engine import (
    find_engine,
    missing_tools,
)


def program(path: Path, text: str) -> str:
    """Write an executable script and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


SAYS = 'case "$1" in version) echo 27.0 ;; context) echo unix:///somewhere.sock ;; *) env; echo "$@" ;; esac'


def test_docker_keeps_the_daemon_of_its_context_and_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    engine = find_engine(program(tmp_path / "docker", SAYS), str(tmp_path / "empty"))
    assert (engine.name, engine.version) == ("docker", "27.0")
    assert dict(engine.environment) == {
        "DOCKER_HOST": "unix:///somewhere.sock",
        "DOCKER_CONFIG": str(tmp_path / "empty"),
    }
    monkeypatch.setenv("DOCKER_HOST", "tcp://builder.example.org:2376")
    named = find_engine(program(tmp_path / "docker", SAYS))
    assert named.environment["DOCKER_HOST"] == "tcp://builder.example.org:2376"


def test_podman_keeps_the_home_of_its_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    engine = find_engine(program(tmp_path / "podman", SAYS))
    assert engine.name == "podman"
    assert engine.environment["HOME"] == "/somewhere"
    assert "DOCKER_HOST" not in engine.environment


def test_the_script_passes_run_with_its_options_and_nothing_else(tmp_path: Path) -> None:
    engine = find_engine(program(tmp_path / "docker", SAYS), str(tmp_path / "empty"))
    engine.write_script(tmp_path / "programs", ["--env=A=it's"])
    script = str(tmp_path / "programs/docker")
    done = subprocess.run([script, "run", "--rm", "image"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "run --env=A=it's --rm image"
    assert f"DOCKER_CONFIG={tmp_path / 'empty'}" in done.stdout.splitlines()
    for refused in (["push", "image"], ["login"], []):
        answer = subprocess.run([script, *refused], capture_output=True, text=True, check=False)
        assert answer.returncode == 64
        assert "needs nothing but run" in answer.stderr


def test_the_first_engine_that_answers_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "docker", "echo 'no daemon' >&2; exit 1")
    program(tmp_path / "podman", SAYS)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_engine().name == "podman"
    (tmp_path / "podman").unlink()
    with pytest.raises(BuildError, match=r"container engine: does not run \(docker: no daemon"):
        find_engine()


def test_a_make_that_is_too_old_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = program(tmp_path / "docker", SAYS)
    assert missing_tools(engine) == []
    for said in ("GNU Make 3.81", "bmake 2023"):
        program(tmp_path / "make", f"echo '{said}'")
        assert missing_tools(engine) == ["GNU make 3.82 or newer"]
