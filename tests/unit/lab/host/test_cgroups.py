# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups of version 1 and 2, in a directory that looks like the kernel's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.host import cgroups


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "_MOUNT", tmp_path)
    return tmp_path


def wait_once(condition: Callable[[], bool]) -> None:
    if not condition():
        pytest.fail("a group is not empty")


def test_a_group_is_made_in_every_hierarchy_and_removed(mount: Path) -> None:
    for name in ("cpu", "memory"):
        (mount / name).mkdir()
    cgroups.create_node_group("lab", "cp1")
    assert (mount / "cpu/homelab-talos/lab/cp1").is_dir()
    assert (mount / "memory/homelab-talos/lab/cp1").is_dir()
    cgroups.remove_lab_groups("lab", wait_once)
    assert sorted(path.name for path in mount.rglob("*")) == ["cpu", "memory"]


def test_another_lab_keeps_its_groups(mount: Path) -> None:
    (mount / "cpu").mkdir()
    cgroups.create_node_group("one", "cp1")
    cgroups.create_node_group("two", "cp1")
    cgroups.remove_lab_groups("one", wait_once)
    assert (mount / "cpu/homelab-talos/two/cp1").is_dir()


def test_version_2_passes_controllers_down(mount: Path) -> None:
    (mount / "cgroup.controllers").write_text("cpu memory pids", encoding="utf-8")
    cgroups.create_node_group("lab", "cp1")
    assert (mount / "cgroup.subtree_control").read_text(encoding="utf-8") == "+cpu +memory +pids"
    assert (mount / "homelab-talos/lab/cp1").is_dir()
