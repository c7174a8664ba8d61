# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of pods in a node's containerd; an implementation of ``Images`` of the emulated machined.

Source: containerd/containerd:cmd/ctr/commands/images (the columns of ``ctr images list``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import Image, ImageError
from ansible_collections.homelab.talos.lab.programs.containerd import HOSTS_DIRECTORY, Containerd

PULL_SECONDS = 60.0
_NOT_FOUND = "not found"


class ContainerdImages:
    """Lists, pulls and removes images with ``ctr``."""

    def __init__(self, containerd: Containerd) -> None:
        self._containerd = containerd

    async def list(self) -> Sequence[Image]:
        """Return the images, sorted by name; raises ``ImageError``."""
        rows = listed(await self._ctr("images", "list"))
        digests = sorted({digest for _name, digest, _labels in rows})
        sizes = dict(zip(digests, await self._sizes(digests), strict=True))
        return sorted((Image(name, digest, sizes[digest], labels) for name, digest, labels in rows), key=_name)

    async def pull(self, reference: str) -> None:
        """Pull an image through the mirrors of the machine configuration; raises ``ImageError``."""
        await self._ctr("images", "pull", "--hosts-dir", HOSTS_DIRECTORY, reference, timeout=PULL_SECONDS)

    async def remove(self, reference: str) -> None:
        """Forget an image; raises ``ImageError``."""
        if reference not in {image.name for image in await self.list()}:
            raise ImageError(f"image {reference} {_NOT_FOUND}", missing=True)
        await self._ctr("images", "remove", "--sync", reference)

    async def _sizes(self, digests: Sequence[str]) -> Sequence[int]:
        return await asyncio.gather(*(self._size(digest) for digest in digests))

    async def _size(self, digest: str) -> int:
        """Return the bytes of a manifest and of everything it names; of an index, those of its first present one."""
        text = await self._ctr("content", "get", digest)
        manifest: dict[str, Any] = json.loads(text)
        for each in manifest.get("manifests", ()):
            try:
                return len(text) + await self._size(each["digest"])
            except ImageError:
                continue  # of another architecture: not on this node
        parts = [manifest.get("config") or {}, *manifest.get("layers", ())]
        return len(text) + sum(int(part.get("size", 0)) for part in parts)

    async def _ctr(self, *arguments: str, timeout: float = 10.0) -> str:
        try:
            status, output, errors = await self._containerd.ctr(*arguments, timeout=timeout)
        except TimeoutError as error:
            raise ImageError(str(error)) from None
        if status != 0:
            text = errors.decode(errors="replace").strip().rpartition("\n")[2].removeprefix("ctr: ")
            raise ImageError(text, missing=_NOT_FOUND in text)
        return output.decode(errors="replace")


def _name(image: Image) -> str:
    return image.name


def listed(table: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return name, digest and labels of the rows of ``ctr images list``: REF TYPE DIGEST SIZE PLATFORMS LABELS."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [(row[0], row[2], _labels(row[-1])) for row in rows if len(row) > 3]


def _labels(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {key: value for key, _equals, value in pairs}
