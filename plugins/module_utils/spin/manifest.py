# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a Spin application (``spin.toml``, version 2) as data, and reading it from a directory.

Source: spinframework/spin:crates/manifest/src/schema/v2.rs, common.rs
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid

FILE_NAME = "spin.toml"
# Types of triggers whose settings are known here.
HTTP, REDIS = "http", "redis"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Application:
    """The table ``[application]``; ``trigger_settings`` has a table per type of trigger."""

    name: str
    version: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    trigger_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variable:
    """A variable of the application: either it is required or it has a default."""

    description: str | None = None
    default: str | None = None
    secret: bool = False

    @property
    def required(self) -> bool:
        """Whether a value has to be given from outside."""
        return self.default is None


@dataclass(frozen=True)
class Trigger:
    """What calls a component.

    :ivar id: given or made as Spin makes it.
    :ivar component: id of the component; empty for a static response.
    :ivar config: what is special for the type, such as ``route`` and ``executor``.
    """

    id: str
    type: str
    component: str
    config: Mapping[str, Any]

    @property
    def executor(self) -> str:
        """Type of an HTTP trigger's executor, ``http`` or ``wagi``."""
        kind = str((self.config.get("executor") or {}).get("type", "http"))
        return "http" if kind == "spin" else kind


@dataclass(frozen=True)
class LocalSource:
    """A WebAssembly file, by its path from the manifest's directory."""

    path: str


@dataclass(frozen=True)
class RemoteSource:
    """A WebAssembly file at a URL, with its digest (``sha256:...``)."""

    url: str
    digest: str


@dataclass(frozen=True)
class PackageSource:
    """A WebAssembly package of a registry for packages."""

    package: str
    version: str
    registry: str = ""


Source: TypeAlias = "LocalSource | RemoteSource | PackageSource"


@dataclass(frozen=True)
class FileMount:
    """Static files of a component.

    :ivar source: a pattern when ``destination`` is None, else a file or directory.
    :ivar destination: path for the component.
    """

    source: str
    destination: str | None = None


@dataclass(frozen=True)
class Build:
    """How a component is built: commands one after the other, in a directory below the manifest's."""

    commands: tuple[str, ...]
    workdir: str = ""


@dataclass(frozen=True)
class Component:
    """A component; what it may use is empty unless it is granted."""

    id: str
    source: Source
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[FileMount, ...] = ()
    exclude_files: tuple[str, ...] = ()
    allowed_outbound_hosts: tuple[str, ...] = ()
    key_value_stores: tuple[str, ...] = ()
    sqlite_databases: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()
    build: Build | None = None
    has_dependencies: bool = False


@dataclass(frozen=True)
class Manifest:
    """A manifest.

    :ivar file: how it is called in errors.
    """

    file: str
    application: Application
    variables: Mapping[str, Variable]
    triggers: tuple[Trigger, ...]
    components: Mapping[str, Component]


def manifest_path(place: Path) -> Path:
    """Return the manifest of a directory, or the file itself.

    :raises ManifestInvalid: there is none.
    """
    if place.is_file():
        return place
    path = place / FILE_NAME
    if not path.is_file():
        cause = f"holds no {FILE_NAME}" if place.is_dir() else "does not exist"
        raise ManifestInvalid(str(place), cause, f"name the directory of a Spin application, where its {FILE_NAME} is")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    :raises ManifestInvalid: it cannot be read, or is no TOML.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ManifestInvalid(str(path), "is larger than 1 MiB", f"check that it is a {FILE_NAME}")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        cause = f"cannot be read: {error.strerror}"
        raise ManifestInvalid(str(path), cause, "check the path and its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestInvalid(str(path), f"is no TOML: {error}", "correct the file at that place") from None
