# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a node, as its containerd keeps them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

_CTR = ["/opt/engine/ctr", "--address", "/run/containerd/containerd.sock", "--namespace", "k8s.io"]
_BLOBS = Path("/var/lib/containerd/io.containerd.content.v1.content/blobs")
_LIMIT_SECONDS = 30


class ContentError(Exception):
    """Content that is missing, or not what its digest says; one line."""


def image_of(container: str) -> tuple[str, str]:
    """Return the name of a container's image and the digest of its manifest; raises :class:`ContentError`."""
    name = str(json.loads(_ctr("containers", "info", container)).get("Image", ""))
    for line in _ctr("images", "list", f"name=={name}").splitlines()[1:]:
        reference, _type, digest = line.split()[:3]
        if reference == name:
            return name, digest
    raise ContentError(f"image {name} is not on this node")


def _ctr(*arguments: str) -> str:
    done = subprocess.run(
        [*_CTR, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise ContentError(f"containerd does not answer: {done.stderr.strip().rpartition(chr(10))[2]}")
    return done.stdout


class Content:
    """Blobs by digest below *root*, which has a folder for each algorithm."""

    def __init__(self, root: Path = _BLOBS) -> None:
        self._root = root

    def path(self, digest: str) -> Path:
        """Return the file of a blob; raises :class:`ContentError` when there is none."""
        algorithm, _colon, value = digest.partition(":")
        path = self._root / algorithm / value
        if algorithm != "sha256" or not path.is_file():
            raise ContentError(f"layer {digest} is not on this node")
        return path

    def read(self, digest: str) -> bytes:
        """Return a blob that is what its digest says; raises :class:`ContentError`."""
        content = self.path(digest).read_bytes()
        found = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if found != digest:
            raise ContentError(f"layer {digest} is damaged: its content has the digest {found}")
        return content

    def read_json(self, digest: str) -> dict[str, Any]:
        """Return a blob that is JSON; raises :class:`ContentError`."""
        try:
            content: dict[str, Any] = json.loads(self.read(digest))
        except ValueError:
            raise ContentError(f"layer {digest} is not JSON") from None
        return content
