# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of an installer image: its configuration and the boot files in its layers.

Sources: the docker-archive and OCI image layout formats; siderolabs/talos:Dockerfile (installer:
/usr/install/<architecture>/vmlinuz, initramfs.xz, vmlinuz.efi).
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.image_assets import boot_files
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.errors import UnreadableAsset
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.streams import Reader

_BOOT_FILES: dict[str, Callable[[Reader, str], AssetFacts]] = {
    "vmlinuz": boot_files.kernel,
    "initramfs.xz": boot_files.initramfs,
    "vmlinuz.efi": boot_files.uki,
}
INSTALL = "usr/install/"
_LARGEST_JSON = 1 << 22


def installer_archive(path: Path) -> AssetFacts:
    """Return what is seen of an installer's archive.

    :raises OSError: it cannot be read.
    """
    try:
        with tarfile.open(path) as archive:
            configuration, layers, form = _image(archive)
            inner = [facts for layer in layers for facts in _layer(archive, layer, path.name)]
    except (tarfile.TarError, UnreadableAsset, EOFError, KeyError, IndexError, TypeError, ValueError) as error:
        # What tarfile says about a file that is no archive has a line for every compression.
        cause = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        text = f"{path.name}: no readable image archive ({cause})"
        return AssetFacts(path.name, "installer", problems=(text,))
    problems = () if inner else (f"no boot files below /{INSTALL}",)
    extensions = next((part.extensions for part in inner if part.extensions is not None), None)
    architecture = str(configuration.get("architecture") or "")
    return AssetFacts(path.name, "installer", architecture, form, extensions, tuple(inner), problems)


def _image(archive: tarfile.TarFile) -> tuple[dict[str, Any], list[str], str]:
    """Return configuration, names of the layers and form of the first image."""
    names = set(archive.getnames())
    if "manifest.json" in names:
        manifest = _json(archive, "manifest.json")[0]
        return _json(archive, manifest["Config"]), list(manifest["Layers"]), "docker archive"
    if "index.json" in names:
        manifest = _json(archive, _blob(_json(archive, "index.json")["manifests"][0]))
        return _json(archive, _blob(manifest["config"])), [_blob(layer) for layer in manifest["layers"]], "OCI archive"
    raise UnreadableAsset("neither manifest.json nor index.json")


def _blob(descriptor: dict[str, Any]) -> str:
    algorithm, _colon, digest = str(descriptor["digest"]).partition(":")
    return f"blobs/{algorithm}/{digest}"


def _json(archive: tarfile.TarFile, name: str) -> Any:
    stream = archive.extractfile(name)
    if stream is None:
        raise UnreadableAsset(f"{name} is no file")
    return json.loads(stream.read(_LARGEST_JSON))


def _layer(archive: tarfile.TarFile, name: str, outer: str) -> Iterator[AssetFacts]:
    stream = archive.extractfile(name)
    if stream is None:
        raise UnreadableAsset(f"layer {name} is no file")
    with tarfile.open(fileobj=stream, mode="r|*") as layer:
        for member in layer:
            path = member.name.removeprefix("./").lstrip("/")
            read = _BOOT_FILES.get(path.rpartition("/")[2])
            if not member.isfile() or read is None or not path.startswith(INSTALL):
                continue
            source = layer.extractfile(member)
            if source is not None:
                yield read(source, f"{outer}: {path}")
