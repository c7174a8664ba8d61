# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a manifest names: the WebAssembly of each component and its static files.

Source: spinframework/spin:crates/loader/src/local.rs
"""

from __future__ import annotations

import fnmatch
import glob
import hashlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.handlers import check_handler
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import (
    Component,
    FileMount,
    LocalSource,
    Manifest,
    RemoteSource,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.native_code import native_code
from ansible_collections.homelab.talos.plugins.module_utils.spin.wasm import WasmInvalid, inspect_wasm

Fetch = Callable[[str], bytes]
_PATTERN = "*?["
_LARGEST = 1 << 30


class AppContent:
    """The files of an application.

    :param manifest: what names them.
    :param directory: where the manifest is; static files lie below it.
    :param fetch: returns what is at a URL.
    :param boundary: directory that the WebAssembly files must lie below; None lets them lie anywhere.
    """

    def __init__(self, manifest: Manifest, directory: Path, fetch: Fetch, boundary: Path | None = None) -> None:
        self._manifest = manifest
        self._root = directory.resolve()
        self._fetch = fetch
        self._boundary = boundary.resolve() if boundary else None

    def wasm(self, component: Component) -> bytes:
        """Return the WebAssembly of a component, judged against what calls it.

        :raises ContentInvalid: it is missing, another than announced, no portable WebAssembly, or cannot be called.
        """
        where, data = self._source(component)
        found = native_code(data)
        if found:
            raise ContentInvalid(where, f"holds machine code ({found})", "name the .wasm file that the build writes")
        try:
            file = inspect_wasm(data)
        except WasmInvalid as error:
            raise ContentInvalid(where, str(error), "name the .wasm file that the build writes") from None
        for trigger in self._manifest.triggers:
            if trigger.component == component.id:
                check_handler(trigger, where, file)
        return data

    def files(self, component: Component) -> dict[str, bytes]:
        """Return the static files of a component by their paths for it, sorted, without a leading slash.

        :raises ContentInvalid: one is missing, lies outside, or is machine code.
        """
        found: dict[str, Path] = {}
        for mount in component.files:
            found |= self._mounted(component, mount)
        return {path: self._static(component, found[path]) for path in sorted(found)}

    def _source(self, component: Component) -> tuple[str, bytes]:
        source = component.source
        where = f"{self._manifest.file}: component.{component.id}.source"
        if component.has_dependencies:
            cause = "has dependencies, which are not composed here"
            raise ContentInvalid(where, cause, "compose it in its build command, and name the composed file as source")
        if isinstance(source, LocalSource):
            path = (self._root / source.path).resolve()
            if self._boundary and not path.is_relative_to(self._boundary):
                raise ContentInvalid(f"{where}: {source.path}", "lies outside of the repository", "name one within")
            return str(path), _read(path, "build the component first, or correct the path")
        if isinstance(source, RemoteSource):
            data = self._fetch(source.url)
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            if digest != source.digest:
                cause = f"{source.url} has the digest {digest}, announced is {source.digest}"
                raise ContentInvalid(where, cause, "check the address, then correct the digest")
            return source.url, data
        cause = f"is the package {source.package}@{source.version}, and registries for packages are not read here"
        raise ContentInvalid(where, cause, "fetch it with wkg and name the file as source")

    def _mounted(self, component: Component, mount: FileMount) -> dict[str, Path]:
        where = f"{self._manifest.file}: component.{component.id}.files: {mount.source}"
        plain = self._root / mount.source
        if mount.destination is None:
            return self._matching(component, mount.source, where)
        target = PurePosixPath(mount.destination.lstrip("/"))
        if ".." in target.parts:
            raise ContentInvalid(where, f"has the destination {mount.destination!r}", "write a path without ..")
        if plain.is_dir():
            inner = self._expanded(component, f"{glob.escape(mount.source)}/**/*", where)
            return {str(target / path.relative_to(plain.resolve())): path for path in inner}
        if not str(target) or str(target) == ".":
            raise ContentInvalid(where, "is a file, and its destination names none", "write destination = /<file>")
        return {str(target): self._inside(plain, where)}

    def _matching(self, component: Component, pattern: str, where: str) -> dict[str, Path]:
        path = self._root / pattern
        if path.is_dir():
            remedy = f'write "{pattern.rstrip("/")}/**/*", or a table with source and destination'
            raise ContentInvalid(where, "is a directory", remedy)
        if path.exists() or not any(character in pattern for character in _PATTERN):
            return {PurePosixPath(pattern).as_posix(): self._inside(path, where)}
        found = self._expanded(component, pattern, where)
        return {path.relative_to(self._root).as_posix(): path for path in found}

    def _expanded(self, component: Component, pattern: str, where: str) -> list[Path]:
        """Return the files that a pattern below the root names, without those that are excluded."""
        names = glob.glob(pattern, root_dir=self._root, recursive=True, include_hidden=True)
        kept = [
            name
            for name in names
            if not any(fnmatch.fnmatchcase(name, excluded) for excluded in component.exclude_files)
            and not (self._root / name).is_dir()
        ]
        return [self._inside(self._root / name, where) for name in kept]

    def _inside(self, path: Path, where: str) -> Path:
        resolved = path.resolve()
        if not resolved.is_file():
            raise ContentInvalid(where, "does not exist", "correct the path, or build what makes it")
        if not resolved.is_relative_to(self._root):
            raise ContentInvalid(where, "lies outside of the application's directory", "copy it into the directory")
        return resolved

    def _static(self, component: Component, path: Path) -> bytes:
        data = _read(path, "check its permissions")
        found = native_code(data)
        if found:
            remedy = f"take it out of component.{component.id}.files: it would run on no other kind of machine"
            raise ContentInvalid(str(path), f"holds machine code ({found})", remedy)
        return data


def _read(path: Path, remedy: str) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ContentInvalid(str(path), "is larger than 1 GiB", "make it smaller")
        return path.read_bytes()
    except OSError as error:
        cause = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise ContentInvalid(str(path), cause, remedy) from None
