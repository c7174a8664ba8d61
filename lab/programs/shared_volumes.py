# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage class ``lab-shared``: volumes that every node of the lab sees.

Stands in for LINSTOR of CozyStack, whose volumes follow a pod to another node. A volume is a directory of this machine
that all nodes have at the same place; it is made when a claim asks for it and removed with the claim.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

STORAGE_CLASS = "lab-shared"
PROVISIONER = "homelab.talos/lab-shared"
#: Below /opt of every node.
PLACE = "lab-shared"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_VOLUMES = "/api/v1/persistentvolumes"
_CLAIMS = "/api/v1/persistentvolumeclaims"
_BY = "pv.kubernetes.io/provisioned-by"
_PERIOD_SECONDS = 0.5


class Administrator(Protocol):
    """Who may do everything in the cluster."""

    async def administer(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        """Return the API server's answer; raises ``OSError``."""


@dataclass(frozen=True)
class Changes:
    """What has to be done: volumes to *create*, and names of those to *remove*."""

    create: Sequence[Mapping[str, Any]]
    remove: Sequence[str]


def changes(claims: Sequence[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]]) -> Changes:
    """Return what makes *volumes* those that *claims* want."""
    own = [each for each in volumes if (each["metadata"].get("annotations") or {}).get(_BY) == PROVISIONER]
    present = {each["metadata"]["name"] for each in own}
    wanted = [each for each in claims if each["spec"].get("storageClassName") == STORAGE_CLASS]
    create = [
        _volume(each)
        for each in wanted
        if each["status"].get("phase") == "Pending"
        and _name(each) not in present
        and not each["spec"].get("volumeName")
    ]
    released = [each for each in own if each["status"].get("phase") == "Released"]
    deleted = [each for each in released if each["spec"].get("persistentVolumeReclaimPolicy") == "Delete"]
    return Changes(create, [each["metadata"]["name"] for each in deleted])


def _name(claim: Mapping[str, Any]) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _volume(claim: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": _name(claim), "annotations": {_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": f"/opt/{PLACE}/{_name(claim)}", "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }


class SharedVolumes:
    """Keeps the volumes what the claims want.

    Parameters: *directory* of this machine that nodes see; *administrator* returns whom to ask now, None while no
    control plane runs.
    """

    def __init__(self, directory: Path, administrator: Callable[[], Administrator | None]) -> None:
        self._directory = directory
        self._administrator = administrator
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)

    async def keep(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Keep them so until cancelled."""
        while True:
            administrator = self._administrator()
            if administrator is not None:
                try:
                    await self.turn(administrator)
                except OSError as error:
                    # The API server is away; the next turn sees what is true then.
                    print(f"shared volumes: {error}", flush=True)
            await pause(_PERIOD_SECONDS)

    async def turn(self, administrator: Administrator) -> None:
        """Make what is missing and remove what is left over, once; raises ``OSError``."""
        found = (await administrator.administer("GET", _CLASSES)).get("items") or []
        if STORAGE_CLASS not in {each["metadata"]["name"] for each in found}:
            await administrator.administer("POST", _CLASSES, _storage_class())
        claims = (await administrator.administer("GET", _CLAIMS)).get("items") or []
        volumes = (await administrator.administer("GET", _VOLUMES)).get("items") or []
        wanted = changes(claims, volumes)
        for volume in wanted.create:
            (self._directory / volume["metadata"]["name"]).mkdir(mode=0o777, exist_ok=True)
            # Containers of any user write to it; the mask of this process does not count.
            (self._directory / volume["metadata"]["name"]).chmod(0o777)
            await administrator.administer("POST", _VOLUMES, volume)
        for name in wanted.remove:
            await administrator.administer("DELETE", f"{_VOLUMES}/{name}")
            shutil.rmtree(self._directory / name, ignore_errors=True)


def _storage_class() -> Mapping[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"homelab.talos/stand-in": "for LINSTOR: volumes are directories of the lab's machine"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }
