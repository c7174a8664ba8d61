# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be built, and why: the inputs of each file compared with those of the last build."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import ImageManifest
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import (
    WITHOUT_EXTENSIONS,
    ImageDefinition,
    render_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import sha256_of

CACHED, MISSING, STALE = "cached", "missing", "stale"


@dataclass(frozen=True)
class PlannedFile:
    """One file of an image.

    :param state: ``cached`` (up to date), ``missing`` (never built) or ``stale`` (to be built again).
    :param why: one phrase.
    """

    kind: str
    name: str
    state: str
    why: str


def inputs_of(kind: str, definition: ImageDefinition, layout: Layout, imager: str) -> dict[str, Any]:
    """Return everything that the file of a kind depends on, as plain data.

    The commit is not among it: another commit with the same recipe and the same profile gives the same file.
    """
    effective = replace(definition, extensions=()) if kind in WITHOUT_EXTENSIONS else definition
    files = [layout.makefile_file, *(include.file for include in layout.includes if include.file is not None)]
    recipe = hashlib.sha256("\n".join(file.text for file in files).encode()).hexdigest()
    return {
        "talos version": definition.talos_version,
        "architecture": definition.architecture,
        "extensions": [reference.text for reference in effective.extensions],
        "imager": imager,
        "target": layout.targets[kind],
        "recipe": recipe,
        "profile": hashlib.sha256(render_profile(kind, effective).encode()).hexdigest(),
    }


def plan(
    kinds: Sequence[str],
    inputs: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
    built: ImageManifest | None,
    directory: Path,
) -> list[PlannedFile]:
    """Return what is to be done for each kind.

    :param inputs: kind -> what its file depends on now.
    :param names: kind -> file name.
    :param built: manifest of the last build, None when there is none.
    :param directory: where its files are.
    """
    planned = []
    for kind in kinds:
        state, why = _judge(kind, inputs[kind], built, directory)
        planned.append(PlannedFile(kind, names[kind], state, why))
    return planned


def _judge(kind: str, inputs: Mapping[str, Any], built: ImageManifest | None, directory: Path) -> tuple[str, str]:
    file = built.file(kind) if built is not None else None
    if built is None or file is None:
        return MISSING, "it has not been built"
    changes = _changes(built.inputs.get(kind) or {}, inputs)
    if changes:
        return STALE, changes
    path = directory / file.name
    if not path.is_file():
        return MISSING, "its file is gone"
    if path.stat().st_size != file.size or sha256_of(path) != file.sha256:
        return STALE, "its file was changed after it was built"
    return CACHED, f"built {built.built}"


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return which inputs changed, empty when none did; the hash of the profile speaks only when nothing else does."""
    changed = [name for name in new if old.get(name) != new[name]]
    named = [name for name in changed if name != "profile"] or changed
    return ", ".join(_change(name, old.get(name), new[name]) for name in named)


def _change(name: str, old: Any, new: Any) -> str:
    if name == "extensions":
        before, after = set(old or ()), set(new)
        parts = [f"+{_short(text)}" for text in sorted(after - before)]
        parts += [f"-{_short(text)}" for text in sorted(before - after)]
        return f"extensions changed ({' '.join(parts) or 'their order'})"
    if name in ("recipe", "profile"):
        return f"{name} changed"
    return f"{name} changed from {old} to {new}"


def _short(reference: str) -> str:
    repository, _separator, digest = reference.partition("@")
    return f"{repository.rpartition('/')[2]}{'@' + digest[7:19] if digest else ''}"
