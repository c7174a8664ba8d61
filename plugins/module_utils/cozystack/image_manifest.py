# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a built image: what it was made from, what it holds, and the checksums of all of it.

It lies beside the files as ``manifest.json``. Labs and providers read Talos version, extensions and architecture from
it; nothing else says what an image holds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import (
    CHECKSUM_FILE,
    MANIFEST_FILE,
    sha256_of,
)

FORMAT = 1


@dataclass(frozen=True)
class BuiltFile:
    """One file of an image.

    :param kind: what it is, such as ``kernel``.
    :param size: in bytes.
    :param architecture: seen in its headers, empty when the kind shows none.
    :param form: what the headers say besides.
    """

    kind: str
    name: str
    size: int
    sha256: str
    architecture: str = ""
    form: str = ""


@dataclass(frozen=True)
class ImageManifest:
    """Everything that is known about one built image.

    :param key: name among the built images; ``tag`` that of its installer in a registry.
    :param variant: the variant as plain data.
    :param upstream: ``commit``, ``ref``, ``core``, ``generation`` and ``contract`` of CozyStack.
    :param extensions: one mapping per extension: ``name``, ``version``, ``digest``, ``reference``.
    :param inputs: per kind, what its file depends on.
    :param files: the built files; ``profiles`` the SHA-256 of each profile.
    :param built: when, in UTC, as ISO 8601.
    :param engine: ``name`` and ``version`` of the container engine and the ``machine`` it ran on; ``tools`` the
        versions of the others.
    :param collection: version of this collection.
    """

    key: str
    tag: str
    architecture: str
    talos_version: str
    variant: Mapping[str, Any]
    upstream: Mapping[str, str]
    imager: str
    base_installer: str
    extensions: tuple[Mapping[str, str], ...]
    inputs: Mapping[str, Mapping[str, Any]]
    files: tuple[BuiltFile, ...]
    profiles: Mapping[str, str]
    built: str
    engine: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    collection: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """SHA-256 over names and hashes of files and profiles: the same for the same content, whenever it was built."""
        parts = {**{file.name: file.sha256 for file in self.files}, **self.profiles}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def file(self, kind: str) -> BuiltFile | None:
        """Return the file of a kind, None when the image has none."""
        return next((file for file in self.files if file.kind == kind), None)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data, with ``format`` and ``content``."""
        return {"format": FORMAT, "content": self.content, **_plain(dataclasses.asdict(self))}

    def to_json(self) -> str:
        """Return the text of the manifest's file."""
        return json.dumps(self.to_mapping(), indent=2, sort_keys=True) + "\n"


def read_manifest(directory: Path) -> ImageManifest | None:
    """Return the manifest of a directory, None when there is none.

    :raises BuildError: there is one that cannot be used.
    """
    path = directory / MANIFEST_FILE
    try:
        return manifest_from(json.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BuildError(str(path), error.strerror or "cannot be read", "check its permissions") from None
    except (ValueError, RecursionError):
        raise BuildError(str(path), "is not JSON", "remove the directory and build the image again") from None


def manifest_from(data: Any, source: str) -> ImageManifest:
    """Read plain data.

    :param source: where it comes from, for the error.
    :raises BuildError: it is no manifest of this format, or its content hash does not fit.
    """
    remedy = "remove the directory and build the image again"
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise BuildError(source, f"is no manifest of format {FORMAT}", remedy)
    names = {each.name for each in dataclasses.fields(ImageManifest)}
    try:
        values = {key: value for key, value in data.items() if key in names}
        values["files"] = tuple(BuiltFile(**file) for file in data["files"])
        values["extensions"] = tuple(data["extensions"])
        values["remarks"] = tuple(data.get("remarks") or ())
        manifest = ImageManifest(**values)
        content = manifest.content
        _require_mappings(manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise BuildError(source, f"lacks something ({error})", remedy) from None
    for file in manifest.files:
        if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
            raise BuildError(source, f"names a file outside its directory: {file.name!r}", remedy)
    if data.get("content") != content:
        raise BuildError(source, "was changed: its content hash does not fit", remedy)
    return manifest


def _require_mappings(manifest: ImageManifest) -> None:
    for key in ("variant", "upstream", "inputs", "profiles", "engine", "tools"):
        if not isinstance(getattr(manifest, key), Mapping):
            raise TypeError(f"{key} is no mapping")
    for key, items in (("extensions", manifest.extensions), ("inputs", tuple(manifest.inputs.values()))):
        if not all(isinstance(item, Mapping) for item in items):
            raise TypeError(f"{key} holds what is no mapping")


def checksums(directory: Path) -> str:
    """Return the text of ``checksums.sha256``: every file below a directory, sorted, as sha256sum writes it."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != CHECKSUM_FILE)
    return "".join(f"{sha256_of(path)}  {path.relative_to(directory).as_posix()}\n" for path in paths)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
