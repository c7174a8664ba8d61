# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host-wide record tells living labs from dead ones, and disappears with the last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.host import record as host
from ansible_collections.homelab.talos.lab.host.record import LabRecord, host_record, process_start_time, read_record


@pytest.fixture(autouse=True)
def own_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "RUN_DIRECTORY", tmp_path / "run")
    monkeypatch.setattr(host, "STATE_DIRECTORY", tmp_path / "state")
    monkeypatch.setattr(host, "LOCK_FILE", tmp_path / "lock")


def lab(pid: int, start_time: int) -> LabRecord:
    return LabRecord("a", "198.18.9.0/24", "hlt0", pid, start_time, ["a-router"])


def test_what_was_recorded_is_read_back() -> None:
    with host_record() as record:
        record.labs["a"] = lab(os.getpid(), process_start_time(os.getpid()))
        record.sysctls["kernel.panic"] = "1"
    again = read_record()
    assert again.labs["a"].namespaces == ["a-router"]
    assert again.sysctls == {"kernel.panic": "1"}
    assert again.labs["a"].is_alive()


def test_a_process_id_given_to_another_process_is_not_the_owner() -> None:
    assert not lab(os.getpid(), process_start_time(os.getpid()) - 1).is_alive()
    assert not lab(0, 0).is_alive()


def test_a_record_survives_an_error_in_the_middle() -> None:
    def record_and_fail() -> None:
        with host_record() as record:
            record.labs["a"] = lab(1, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_fail()
    assert set(read_record().labs) == {"a"}


def test_the_last_lab_takes_the_record_with_it(tmp_path: Path) -> None:
    with host_record() as record:
        record.labs["a"] = lab(1, 1)
    with host_record() as record:
        del record.labs["a"]
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "lock").exists()
