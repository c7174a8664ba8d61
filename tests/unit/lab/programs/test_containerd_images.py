# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as containerd's own program tells them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.machined.interfaces import Image, ImageError
from ansible_collections.homelab.talos.lab.programs.containerd_images import ContainerdImages

TABLE = """\
REF TYPE DIGEST SIZE PLATFORMS LABELS
lab.test/web:1 application/vnd.oci.image.manifest.v1 sha256:aa 1.2 MiB linux/amd64 io.cri-containerd.image=managed,a=b
lab.test/all:1 application/vnd.oci.image.index.v1+json sha256:bb 10 B linux/amd64 -
"""
MANIFEST = json.dumps({"config": {"size": 10}, "layers": [{"size": 100}, {"size": 1000}]})
INDEX = json.dumps({"manifests": [{"digest": "sha256:arm"}, {"digest": "sha256:aa"}]})


class FakeContainerd:
    """Answers ``ctr`` from a table; everything else is not found."""

    answers = {
        ("images", "list"): TABLE,
        ("content", "get", "sha256:aa"): MANIFEST,
        ("content", "get", "sha256:bb"): INDEX,
        ("images", "remove", "--sync", "lab.test/web:1"): "",
    }

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def ctr(self, *arguments: str, timeout: float = 10.0) -> tuple[int, bytes, bytes]:
        self.asked.append(arguments)
        if arguments in self.answers:
            return 0, self.answers[arguments].encode(), b""
        return 1, b"", b"some progress\nctr: content: not found\n"


def _images() -> tuple[FakeContainerd, ContainerdImages]:
    containerd: Any = FakeContainerd()
    return containerd, ContainerdImages(containerd)


def test_sizes_are_those_of_the_content() -> None:
    _containerd, images = _images()
    size = len(MANIFEST) + 1110
    assert asyncio.run(images.list()) == [
        Image("lab.test/all:1", "sha256:bb", len(INDEX) + size, {}),
        Image("lab.test/web:1", "sha256:aa", size, {"io.cri-containerd.image": "managed", "a": "b"}),
    ]


def test_removing_asks_for_an_image_that_is_there() -> None:
    containerd, images = _images()
    asyncio.run(images.remove("lab.test/web:1"))
    assert containerd.asked[-1] == ("images", "remove", "--sync", "lab.test/web:1")
    with pytest.raises(ImageError) as refusal:
        asyncio.run(images.remove("lab.test/web:2"))
    assert refusal.value.missing


def test_what_a_registry_does_not_have_is_one_line() -> None:
    _containerd, images = _images()
    with pytest.raises(ImageError, match="^content: not found$") as refusal:
        asyncio.run(images.pull("lab.test/web:2"))
    assert refusal.value.missing
