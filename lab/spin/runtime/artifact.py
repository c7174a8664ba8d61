# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Spin artifact on a node: its locked app, its components, its files.

Source: spinframework/spin:crates/oci/src/client.rs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.spin.runtime.content import Content, ContentError

APPLICATION = "application/vnd.fermyon.spin.application.v1+config"
BUNDLE = "application/vnd.wasm.content.bundle.v1.tar+gzip"
_MAGIC = b"\0asm"
_ELF = b"\x7fELF"
_MODULE, _COMPONENT = b"\x01\0\0\0", b"\x0d\0\x01\0"
#: Components made with it import the whole world of Spin, whether they use it or not.
_IMPORTS_EVERYTHING = b"componentize-py"


class ArtifactError(Exception):
    """An image that is no app which can be run; one line."""


@dataclass(frozen=True)
class Wasm:
    """WebAssembly of a component: *content*, and whether it is a component or a core module (*kind*)."""

    content: bytes
    kind: str

    @property
    def tolerant(self) -> bool:
        """Whether it may import what it does not use."""
        return _IMPORTS_EVERYTHING in self.content


def locked_app(image: str, manifest: Mapping[str, Any], content: Content) -> dict[str, Any]:
    """Return the locked app of an image; raises :class:`ArtifactError` or ``ContentError``."""
    layers = manifest.get("layers") or []
    found = [layer for layer in layers if layer.get("mediaType") == APPLICATION]
    if len(found) != 1:
        types = ", ".join(sorted({str(layer.get("mediaType")) for layer in layers})) or "no layers"
        raise ArtifactError(
            f"image {image} is no Spin app: it has {types}, but no layer {APPLICATION}: push it as a Spin artifact"
        )
    if any(layer.get("mediaType") == BUNDLE for layer in layers):
        raise ArtifactError(f"image {image} was pushed with archive layers, which this host does not unpack")
    return content.read_json(found[0]["digest"])


def wasm_of(component: Mapping[str, Any], content: Content) -> Wasm:
    """Return the code of a component of a locked app; raises :class:`ArtifactError` or ``ContentError``."""
    source = component.get("source") or {}
    if source.get("inline"):
        code = _inline(source["inline"])
    elif source.get("digest"):
        code = content.read(source["digest"])
    else:
        raise ArtifactError("the locked app does not say where its code is")
    if code.startswith(_ELF):
        raise ArtifactError(
            f"layer {source.get('digest')} is a native program (ELF), not WebAssembly: build for wasm32"
        )
    kind = {_MODULE: "module", _COMPONENT: "component"}.get(code[4:8])
    if not code.startswith(_MAGIC) or kind is None:
        raise ArtifactError(f"layer {source.get('digest')} is not WebAssembly: it begins with {code[:8].hex()}")
    return Wasm(code, kind)


def _inline(text: str) -> bytes:
    """Return content that a locked app holds itself, which Spin writes without the padding of base64."""
    return base64.b64decode(text + "==")


def files_of(component: Mapping[str, Any], content: Content, keep: Callable[[bytes], Path]) -> dict[str, Path]:
    """Return path that the component sees -> file of this node; *keep* stores what the locked app holds itself.

    Raises ``ContentError``.
    """
    files = {}
    for entry in component.get("files") or ():
        path = str(entry.get("path", ""))
        if "inline" in entry:
            # It has a digest too, of a layer that is not pushed.
            files[path] = keep(_inline(entry["inline"]))
        elif entry.get("digest"):
            content.read(entry["digest"])
            files[path] = content.path(entry["digest"])
        else:
            raise ContentError(f"file {path} of component {component.get('id')} has no content in the locked app")
    return files
