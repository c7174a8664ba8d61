# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the engine comes from, and what is said when a part is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.engine import ensure, lock, pod_images, toolchain
from ansible_collections.homelab.talos.lab.errors import LabError


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cni"
    folder.mkdir()
    for name in lock.CNI_PLUGINS:
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(lock, "CNI_PLUGIN_FOLDERS", (folder,))
    monkeypatch.setattr(lock, "DISTRIBUTION_PROGRAMS", {"sh": "dash"})
    return folder


def named_engine(folder: Path, leave_out: str = "") -> Path:
    folder.mkdir()
    for program in lock.PROGRAMS:
        if program.name != leave_out:
            path = folder / program.name
            path.write_bytes(b"program")
            path.chmod(0o755)
    return folder


def test_a_named_directory_comes_first(tmp_path: Path, plugins: Path) -> None:
    folder = named_engine(tmp_path / "engine")
    environ = {"HOMELAB_TALOS_ENGINE": str(folder), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    engine = ensure.ensure_engine(lambda line: None, environ)
    assert engine.programs == folder
    assert engine.cni_plugins == plugins
    assert all(path.is_file() for path in engine.image_archives(*(image.program for image in pod_images.IMAGES)))


def test_a_named_directory_that_lacks_a_program_is_refused(tmp_path: Path, plugins: Path) -> None:
    folder = named_engine(tmp_path / "engine", leave_out="etcd")
    with pytest.raises(LabError, match=rf"{folder} .* lacks the programs etcd; put them there or unset"):
        ensure.ensure_engine(lambda line: None, {"HOMELAB_TALOS_ENGINE": str(folder)})


def test_missing_packages_are_named_in_one_message(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "DISTRIBUTION_PROGRAMS", {"no-such-program": "pkg-a", "nor-this": "pkg-b"})
    monkeypatch.setattr(lock, "CNI_PLUGIN_FOLDERS", ())
    with pytest.raises(LabError, match="packages containernetworking-plugins pkg-a pkg-b are missing; apt-get install"):
        ensure.ensure_engine(lambda line: None, {})


def test_a_cached_program_is_not_built_again(tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    named_engine_parent = ensure.cache_directory(environ) / "engine" / lock.lock_digest()
    named_engine_parent.mkdir(parents=True)
    named_engine(named_engine_parent / "bin")
    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: pytest.fail("no toolchain is needed"))
    engine = ensure.ensure_engine(lambda line: None, environ)
    assert set(engine.seconds.values()) == {0.0}


def test_a_failed_build_leaves_no_program(tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'module lookup disabled' >&2\nexit 1\n", encoding="utf-8")
    go.chmod(0o755)
    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: go)
    with pytest.raises(LabError, match="building pause failed: module lookup disabled"):
        ensure.ensure_engine(lambda line: None, {"XDG_CACHE_HOME": str(tmp_path)})
    assert not list(tmp_path.rglob("bin/*"))


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Instead of building, write a file; the list holds the names of what was built."""
    built: list[str] = []

    def build(label: str, _go: Path, _directory: Path, _package: str, binary: Path, *_more: object) -> float:
        built.append(label.split()[0])
        binary.write_bytes(b"program")
        binary.chmod(0o755)
        return 1.0

    monkeypatch.setattr(toolchain, "ensure_go", lambda *_: Path("go"))
    monkeypatch.setattr(toolchain, "build", build)
    return built


def test_an_optional_program_is_built_once_and_only_for_those_who_want_it(
    tmp_path: Path, plugins: Path, builds: list[str]
) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    plain = ensure.ensure_engine(lambda line: None, environ)
    assert builds == [program.name for program in lock.PROGRAMS]
    builds.clear()
    more = ensure.ensure_engine(lambda line: None, environ, ["headscale"])
    assert builds == ["headscale"]
    assert (more.programs / "headscale").is_file()
    assert (more.programs / "kubelet").samefile(plain.programs / "kubelet")
    assert not (plain.programs / "headscale").exists()
    assert more.images == plain.images
    builds.clear()
    both = ensure.ensure_engine(lambda line: None, environ, ["headscale", "tailscale"])
    assert builds == ["tailscale"]
    assert (both.programs / "headscale").samefile(more.programs / "headscale")


def test_a_named_directory_that_lacks_an_optional_program_is_refused(tmp_path: Path, plugins: Path) -> None:
    folder = named_engine(tmp_path / "engine")
    environ = {"HOMELAB_TALOS_ENGINE": str(folder), "XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(LabError, match="lacks the programs headscale"):
        ensure.ensure_engine(lambda line: None, environ, ["headscale"])
