# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of etcd: taking one into a private file, checking it, handing it to a control plane for recovery.

A snapshot ends with the SHA-256 of all that comes before. Sources: etcd-io/etcd:etcdutl/snapshot/v3_snapshot.go,
siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (EtcdSnapshot, EtcdRecover).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import NodeAccess
from ansible_collections.homelab.talos.plugins.module_utils.talos.secret_file import open_secret

SNAPSHOT = "machine.MachineService/EtcdSnapshot"
RECOVER = "machine.MachineService/EtcdRecover"
_PAGE_BYTES = 512
_CHUNK_BYTES = 1024 * 1024


class SnapshotError(Exception):
    """A file is no snapshot of etcd, or a broken one; one line with path, cause and remedy."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on disk.

    :ivar size: in bytes.
    :ivar sha256: of its content, which its last bytes repeat.
    """

    path: Path
    size: int
    sha256: str


def check_snapshot(path: Path) -> Snapshot:
    """Return what a snapshot is, after comparing its content with the hash at its end.

    :raises SnapshotError: it cannot be read, is no snapshot, or is damaged.
    """
    try:
        size = path.stat().st_size
        digest, ending = _digest(path, size)
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}; name a snapshot of etcd") from None
    if size % _PAGE_BYTES != len(ending) or size < _PAGE_BYTES:
        raise SnapshotError(f"{path}: is not a snapshot of etcd; take one with the module etcd_snapshot")
    if digest != ending:
        raise SnapshotError(f"{path}: is damaged: its content does not fit the hash at its end; use another snapshot")
    return Snapshot(path, size, digest.hex())


def _digest(path: Path, size: int) -> tuple[bytes, bytes]:
    """Return the SHA-256 of all but the last bytes of a file, and these last bytes."""
    digest = hashlib.sha256()
    left = max(size - digest.digest_size, 0)
    with path.open("rb") as handle:
        while left and (data := handle.read(min(left, _CHUNK_BYTES))):
            digest.update(data)
            left -= len(data)
        return digest.digest(), handle.read()


async def take_snapshot(access: NodeAccess, path: Path, timeout: float) -> Snapshot:
    """Save a snapshot of the control plane's etcd; what was at *path* is replaced once the new one is whole.

    :param timeout: seconds for the whole transfer.
    :raises TalosError: the node refuses, or etcd does not answer.
    :raises SnapshotError: what arrived is damaged.
    :raises SecretFileError: the file cannot be written.
    """
    with open_secret(path) as (stream, temporary):
        async with access.secure() as client:
            request = message("machine.EtcdSnapshotRequest")()
            async for data in client.stream(SNAPSHOT, request, timeout=timeout):
                stream.write(data.bytes)
        stream.flush()
        try:
            found = check_snapshot(temporary)
        except SnapshotError:
            raise SnapshotError(f"{access.name}: the snapshot arrived damaged; take it again") from None
    return Snapshot(path, found.size, found.sha256)


async def send_snapshot(client: Any, snapshot: Snapshot, timeout: float) -> None:
    """Hand a snapshot to a control plane that is going to be bootstrapped from it.

    :raises TalosError: the node refuses.
    """
    await client.upload(RECOVER, _chunks(snapshot.path), timeout=timeout)


def _chunks(path: Path) -> Iterator[Any]:
    with path.open("rb") as handle:
        while data := handle.read(_CHUNK_BYTES):
            yield message("common.Data")(bytes=data)
