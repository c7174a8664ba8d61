# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that are on are on disk before they are, and stay there until they are lifted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.held import (
    HeldFault,
    ProcessIdentity,
    held_faults,
    read_held,
    wire_is_cut,
)


def put(directory: Path, fault: str, node: str) -> HeldFault:
    with held_faults(directory) as held:
        new = HeldFault(held.new_id(fault), fault, [[node]], {}, owner=ProcessIdentity.of(os.getpid()))
        held.put(new)
    return new


def ended_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_what_is_put_is_read_by_others_and_removed_is_gone(tmp_path: Path) -> None:
    assert read_held(tmp_path) == []
    first, second = put(tmp_path, "link-cut", "cp1"), put(tmp_path, "link-cut", "gw1")
    assert (first.id, second.id) == ("link-cut-1", "link-cut-2")
    assert read_held(tmp_path) == [first, second]
    with held_faults(tmp_path) as held:
        held.remove(next(iter(held)))
    assert read_held(tmp_path) == [second]
    assert put(tmp_path, "link-cut", "cp1").id == "link-cut-1"


def test_a_change_is_on_disk(tmp_path: Path) -> None:
    put(tmp_path, "link-cut", "cp1")
    with held_faults(tmp_path) as held:
        one = next(iter(held))
        one.applied = True
        held.put(one)
        assert [each.applied for each in read_held(tmp_path)] == [True]


def test_the_wire_of_a_machine_that_is_switched_on_is_cut_until_the_lifting_begins(tmp_path: Path) -> None:
    put(tmp_path, "link-cut", "cp1")
    put(tmp_path, "power-off", "gw1")
    assert (wire_is_cut(tmp_path, "cp1"), wire_is_cut(tmp_path, "gw1")) == (True, False)
    with held_faults(tmp_path) as held:
        one = next(iter(held))
        one.lifting = True
        held.put(one)
    assert not wire_is_cut(tmp_path, "cp1")


def test_a_lab_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="lab gone is gone"), held_faults(tmp_path / "gone"):
        pass


def test_a_fault_is_abandoned_when_its_owner_died_or_its_process_id_belongs_to_another() -> None:
    own = ProcessIdentity.of(os.getpid())
    dead = ProcessIdentity.of(ended_process())
    another = ProcessIdentity(own.pid, own.start_time + 1)
    held = [HeldFault("x", "link-cut", [], {}, owner=owner) for owner in (own, dead, another, ProcessIdentity())]
    assert [each.is_abandoned for each in held] == [False, True, True, False]
