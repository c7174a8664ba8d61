# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images over the API of a node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import Image
from ansible_collections.homelab.talos.lab.machined.rpc.images import pinned
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, method
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    InvalidArgument,
    NotFound,
    TalosError,
    Unimplemented,
)

from .home import Home, control_plane, play, stage, unary

ADDRESS = "198.18.9.11"
CRI = enum("common.ContainerDriver").Value("CRI")
PODS = enum("common.ContainerdNamespace").Value("NS_CRI")
SYSTEM = enum("common.ContainerdNamespace").Value("NS_SYSTEM")
INSTANCE = {"driver": CRI, "namespace": PODS}


async def _replies(client: Client, path: str, **fields: Any) -> list[Any]:
    return [reply async for reply in client.stream(path, method(path).request_class(**fields))]


def test_images_are_listed_pulled_and_removed(tmp_path: Path) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:

            async def names() -> list[str]:
                return [each.name for each in await _replies(client, "machine.ImageService/List", containerd=INSTANCE)]

            assert await names() == ["registry.test/pause:3.10"]
            (old,) = await _replies(client, "machine.MachineService/ImageList", namespace=PODS)
            assert (old.name, old.digest, old.size) == ("registry.test/pause:3.10", "sha256:aa", 100)
            pull = {"containerd": INSTANCE, "image_ref": "registry.test/web:1"}
            (answer,) = await _replies(client, "machine.ImageService/Pull", **pull)
            assert answer.name == "registry.test/web@sha256:bb"
            assert await names() == ["registry.test/pause:3.10", "registry.test/web:1"]
            # What is there already is not asked for again.
            lab.programs["cp1"].images.registry.clear()
            await unary(client, "ImagePull", namespace=PODS, reference="registry.test/web:1")
            remove = method("machine.ImageService/Remove").request_class(**pull)
            await client.unary("machine.ImageService/Remove", remove)
            assert await names() == ["registry.test/pause:3.10"]
            with pytest.raises(NotFound, match="image registry.test/web:1 not found"):
                await client.unary("machine.ImageService/Remove", remove)
            with pytest.raises(NotFound, match="error pulling image: registry.test/web:1: not found"):
                await _replies(client, "machine.ImageService/Pull", **pull)
            # The first step of an upgrade: the lab knows what installers contain without a registry.
            system = {"driver": 0, "namespace": SYSTEM}
            installer = {"containerd": system, "image_ref": "registry.test/siderolabs/installer:v1.13.9"}
            (answer,) = await _replies(client, "machine.ImageService/Pull", **installer)
            assert answer.name.startswith("registry.test/siderolabs/installer@sha256:")
            installer["image_ref"] = "registry.test/siderolabs/other:v1.13.9"
            with pytest.raises(NotFound, match="error pulling image"):
                await _replies(client, "machine.ImageService/Pull", **installer)
            assert await _replies(client, "machine.ImageService/List", containerd=system) == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"driver": CRI}, "invalid containerd namespace NS_UNKNOWN"),
        ({"driver": 0, "namespace": PODS}, "cannot use CRI namespace with containerd driver"),
    ],
)
def test_refused_instances(tmp_path: Path, fields: dict[str, int], text: str) -> None:
    async def scenario(lab: Home) -> None:
        await control_plane(lab)
        async with lab.client(ADDRESS) as client:
            with pytest.raises(InvalidArgument, match=text):
                await _replies(client, "machine.ImageService/List", containerd=fields)
            with pytest.raises(InvalidArgument, match="invalid namespace NS_UNKNOWN"):
                await _replies(client, "machine.MachineService/ImageList")

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("version", "refusal", "text"),
    [
        ("v1.12.6", Unimplemented, "unknown service machine.ImageService"),
        ("v1.13.9", TalosError, "error connecting to containerd"),
    ],
)
def test_service_is_known_since_talos_1_13(tmp_path: Path, version: str, refusal: type[TalosError], text: str) -> None:
    async def scenario(lab: Home) -> None:
        lab.version = version
        await stage(await lab.add("cp1", ADDRESS), "maintenance")
        async with lab.client(ADDRESS, insecure=True) as client:
            with pytest.raises(refusal, match=text):
                await _replies(client, "machine.ImageService/List", containerd=INSTANCE)

    play(tmp_path, scenario)


def test_references_are_pinned() -> None:
    assert pinned(Image("r.test:5000/a/b:1", "sha256:cc", 1)) == "r.test:5000/a/b@sha256:cc"
    assert pinned(Image("r.test/a@sha256:dd", "sha256:dd", 1)) == "r.test/a@sha256:dd"
