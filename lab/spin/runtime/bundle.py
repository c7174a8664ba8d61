# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a container, made so that runc starts the host of Spin apps in it.

Source: opencontainers/runtime-spec:config.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.spin import places
from ansible_collections.homelab.talos.lab.spin.runtime.artifact import ArtifactError, files_of, locked_app, wasm_of
from ansible_collections.homelab.talos.lab.spin.runtime.compiling import compiled
from ansible_collections.homelab.talos.lab.spin.runtime.content import Content, ContentError

_APP = f"{places.ROOT}/app"
#: What the host's Python loads beside its own files.
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
_TYPE = "io.kubernetes.cri.container-type"


def is_app(spec: Mapping[str, Any]) -> bool:
    """Tell whether a container is one of a pod, and not the pod's sandbox."""
    return (spec.get("annotations") or {}).get(_TYPE) == "container"


def describe(
    image: str, digest: str, content: Content, code: Path, keep: Path
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return what the host needs to know of an app, and place in the container -> file of this node.

    Parameters: *image* and *digest* of its manifest; *code* directory of compiled code; *keep* directory for files.
    What is wrong with the app is told by the host, in the container, where an operator looks.
    """
    mounts: dict[str, Path] = {}
    try:
        locked = locked_app(image, content.read_json(digest), content)
        files = {str(each["id"]): _files(each, content, keep, mounts) for each in locked.get("components") or ()}
    except (ArtifactError, ContentError) as error:
        return {"refusal": str(error)}, {}
    parts: dict[str, dict[str, Any]] = {}
    for component in locked.get("components") or ():
        try:
            wasm = wasm_of(component, content)
            source = compiled(wasm, code)
        except (ArtifactError, ContentError) as error:
            parts[component["id"]] = {"refusal": str(error)}
            continue
        place = f"{places.CODE}/{source.name}"
        mounts[place] = source
        parts[component["id"]] = {"path": place, "kind": wasm.kind, "tolerant": wasm.tolerant}
    return {"image": image, "digest": digest, "locked": locked, "code": parts, "files": files}, mounts


def _files(component: Mapping[str, Any], content: Content, keep: Path, mounts: dict[str, Path]) -> dict[str, str]:
    def kept(data: bytes) -> Path:
        path = keep / hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        return path

    found = {}
    for path, source in files_of(component, content, kept).items():
        place = f"{_APP}/files/{source.name}"
        mounts[place] = source
        found[path] = place
    return found


def rewrite(spec: dict[str, Any], description: Path, mounts: Mapping[str, Path]) -> None:
    """Let *spec* start the host with the app that *description* describes; all that it needs is read only."""
    process = spec["process"]
    process["args"] = [*places.python_command("host.main"), f"{_APP}/app.json"]
    process["env"] = [*(process.get("env") or ()), places.LIBRARY_PATH, "MALLOC_ARENA_MAX=1"]
    bound = {library: Path(library) for library in _LIBRARIES if Path(library).is_dir()}
    bound |= {place: Path(place) for place in places.PROGRAM}
    bound |= {f"{_APP}/app.json": description, **mounts}
    taken = {mount["destination"] for mount in spec["mounts"]}
    if "/tmp" not in taken:
        options = ["nosuid", "nodev", "noexec", "mode=1777"]
        spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": options})
    for place, source in bound.items():
        options = ["bind", "ro", "nosuid", "nodev"]
        spec["mounts"].append({"destination": place, "type": "bind", "source": str(source), "options": options})


def prepare(directory: Path, container: str, image: str, digest: str) -> None:
    """Rewrite the bundle in *directory* for a container of an app."""
    path = directory / "config.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    keep = directory / "spin"
    keep.mkdir(exist_ok=True)
    app, mounts = describe(image, digest, Content(), Path(places.CODE), keep)
    description = keep / "app.json"
    description.write_text(json.dumps(app), encoding="utf-8")
    rewrite(spec, description, mounts)
    path.write_text(json.dumps(spec), encoding="utf-8")
