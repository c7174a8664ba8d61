# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where talosctl comes from: PATH when its release fits, else the cache, else a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.engine import toolchain
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DEFAULT_TALOS_VERSION
from ansible_collections.homelab.talos.tests.support import talosctl

Program = Callable[[str], dict[str, str]]


@pytest.fixture
def on_path(tmp_path: Path) -> Program:
    """Put a program called talosctl on a PATH, with a text that it prints; returns the environment."""

    def put(printed: str) -> dict[str, str]:
        program = tmp_path / "bin/talosctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{printed}'\n", encoding="utf-8")
        program.chmod(0o755)
        return {"PATH": str(program.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    return put


def test_the_pinned_release_is_that_of_the_lab() -> None:
    assert talosctl.pinned()[0] == DEFAULT_TALOS_VERSION


def test_a_program_of_the_release_on_path_is_used(on_path: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: pytest.fail("nothing is to be built"))
    found = talosctl.ensure_talosctl(lambda line: None, on_path("Client:\n\tTalos v1.13.2"))
    assert (found.version, found.source, found.path.parent.name) == ("v1.13.2", "PATH", "bin")


@pytest.mark.parametrize("printed", ["Talos v1.14.1", "Talos v1.12.9", "nothing of that kind"])
def test_another_release_on_path_is_named_and_not_used(
    printed: str, on_path: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def build(label: str, go: Path, directory: Path, package: str, binary: Path, *_: object) -> float:
        built.append((label, package))
        binary.touch(mode=0o755)
        return 1.0

    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: Path("/go"))
    monkeypatch.setattr(toolchain, "build", build)
    lines: list[str] = []
    environ = on_path(printed)
    found = talosctl.ensure_talosctl(lines.append, environ)
    assert "not v1.13.x: not used" in lines[0]
    assert found.source == "pinned Go modules"
    assert built == [(f"talosctl {talosctl.pinned()[0]}", "github.com/siderolabs/talos/cmd/talosctl")]
    assert talosctl.ensure_talosctl(lines.append, environ).seconds == 0.0
    assert len(built) == 1


def test_a_failed_build_leaves_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'module lookup disabled' >&2\nexit 1\n", encoding="utf-8")
    go.chmod(0o755)
    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: go)
    environ = {"PATH": "/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with pytest.raises(LabError, match=r"building talosctl v1\.13\.\d+ failed: module lookup disabled; check access"):
        talosctl.ensure_talosctl(lambda line: None, environ)
    assert not list(tmp_path.rglob("talosctl/*/talosctl"))


def test_a_changed_pin_is_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = talosctl.digest()
    for name in ("go.mod", "go.sum"):
        (tmp_path / name).write_bytes((talosctl.MODULES / name).read_bytes())
    monkeypatch.setattr(talosctl, "MODULES", tmp_path)
    assert talosctl.digest() == before
    (tmp_path / "go.sum").write_text("")
    assert talosctl.digest() != before


def test_a_file_without_a_pin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n\ngo 1.26.6\n")
    with pytest.raises(ValueError, match="pins no github.com/siderolabs/talos"):
        talosctl.pinned(tmp_path / "go.mod")
