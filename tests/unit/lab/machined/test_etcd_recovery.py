# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot is uploaded and a bootstrap recovers from it; a learner is promoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdStart
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    AlreadyExists,
    FailedPrecondition,
    Unimplemented,
)

from .home import Home, config, configure, control_plane, definition, play, stage, unary, until, worker

ADDRESS, SECOND = "198.18.9.11", "198.18.9.12"
RECOVER = "machine.MachineService/EtcdRecover"
PIECES = [message("common.Data")(bytes=piece) for piece in (b"snap" * 100_000, b"shot")]


async def waiting(lab: Home) -> None:
    """A control plane that waits for its bootstrap."""
    await lab.add("cp1", ADDRESS)
    await configure(lab, "cp1", config(definition("cp1", ADDRESS, "controlplane")))
    await until(lambda: lab.machines["cp1"].node.is_up("cri"), "cri")


def test_bootstrap_recovers_from_the_uploaded_snapshot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await waiting(lab)
        (tmp_path / "cp1/var/lib").mkdir(exist_ok=True)
        async with lab.client(ADDRESS) as client:
            await client.upload(RECOVER, PIECES)
            snapshot = tmp_path / "cp1/var/lib/etcd.snapshot"
            assert snapshot.read_bytes() == b"snap" * 100_000 + b"shot"
            assert snapshot.stat().st_mode & 0o777 == 0o600
            await unary(client, "Bootstrap", recover_etcd=True, recover_skip_hash_check=True)
            await stage(lab.machines["cp1"], "running")
            with pytest.raises(AlreadyExists):
                await unary(client, "Bootstrap", recover_etcd=True)
        assert [facts.bootstrap for facts in lab.programs["cp1"].etcd.prepared] == [EtcdStart(True, True)]

    play(tmp_path, scenario)


def test_without_ephemeral_storage_nothing_is_taken(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await waiting(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(FailedPrecondition, match="etcd service is not ready for recovery yet"):
                await client.upload(RECOVER, PIECES)

    play(tmp_path, scenario)


def test_a_worker_takes_no_snapshot(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await worker(lab)
        (tmp_path / "w1/var/lib").mkdir(exist_ok=True)
        async with lab.client("198.18.9.21") as client:
            with pytest.raises(Unimplemented, match="etcd recover is only available on control plane nodes"):
                await client.upload(RECOVER, PIECES)
        assert not list((tmp_path / "w1/var/lib").glob("*etcd*"))

    play(tmp_path, scenario)


def test_a_learner_is_promoted_by_another_control_plane(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        await lab.add("cp2", SECOND)
        access = lab.programs["cp2"].etcd_access
        access.is_learner, lab.programs["cp2"].etcd.joins = True, True
        await configure(lab, "cp2", config(definition("cp2", SECOND, "controlplane")))
        await until(lambda: access.promoted, "the promotion")
        assert access.promoted == [(0xA1, (f"https://{ADDRESS}:2379",))]
        assert lab.programs["cp1"].etcd_access.promoted == []

    play(tmp_path, scenario)
