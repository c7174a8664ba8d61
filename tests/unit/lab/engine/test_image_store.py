# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes share the content of images, and nothing that containerd changes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.engine import image_store
from ansible_collections.homelab.talos.lab.engine.ensure import Engine
from ansible_collections.homelab.talos.lab.errors import LabError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = tmp_path / "store"
    (store / "blobs").mkdir(parents=True)
    (store / "blobs/sha256-1").write_text("layer")
    (store / "meta.db").write_text("database")
    return store


def test_content_is_shared_and_databases_are_not(store: Path, tmp_path: Path) -> None:
    for node in ("a", "b"):
        image_store.seed(store, tmp_path / node / "containerd")
    first, second = (tmp_path / node / "containerd" for node in ("a", "b"))
    assert (first / "blobs/sha256-1").samefile(second / "blobs/sha256-1")
    (first / "meta.db").write_text("changed")
    assert [(path / "meta.db").read_text() for path in (first, second, store)] == ["changed", "database", "database"]


def test_what_a_node_has_stays(store: Path, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    image_store.seed(store, tmp_path / "node")
    assert list((tmp_path / "node").iterdir()) == []


def test_without_a_store_a_node_starts_empty(tmp_path: Path) -> None:
    image_store.seed(tmp_path / "none", tmp_path / "node")
    assert not (tmp_path / "node").exists()


def test_content_is_copied_where_links_are_impossible(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    image_store.seed(store, tmp_path / "node")
    assert (tmp_path / "node/blobs/sha256-1").read_text() == "layer"


def test_an_archive_that_changed_is_not_held(store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pause.tar"
    archive.write_text("one")
    image_store.marker(store, archive).write_text(image_store.stamp(archive))
    assert image_store.holds(store, archive)
    archive.write_text("another")
    assert not image_store.holds(store, archive)


def test_a_containerd_that_does_not_start_is_told(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "containerd").write_text("#!/bin/sh\necho 'no such device' >&2\nexit 1\n")
    (programs / "containerd").chmod(0o755)
    images = tmp_path / "images"
    images.mkdir()
    for image in image_store.IMAGES:
        (images / f"{image.program}.tar").touch()
    engine = Engine(programs, images, tmp_path, "test", {})
    with pytest.raises(LabError, match="containerd does not start: "):
        image_store.ensure_store(engine, lambda line: None)
    assert not image_store.store_directory(engine).exists()
