# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building one variant at one upstream commit, from the request to the finished directory."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import build_plan, container_engine, profile_check
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.collection_version import COLLECTION_VERSION
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_manifest import (
    BuiltFile,
    ImageManifest,
    checksums,
    read_manifest,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_request import (
    BuildRequest,
    Prepared,
    prepare,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.image_store import ImageStore
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import ASSETS_DIRECTORY
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.make_run import (
    make_command,
    make_environment,
    run_make,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition, render_profile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.work_tree import WorkTree, check_out
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import (
    CHECKSUM_FILE,
    MANIFEST_FILE,
    PROFILES_DIRECTORY,
    sha256_of,
)

# Looks into a new file: returns architecture and form, raises BuildError when it is not what was asked for.
Look = Callable[[Path, ImageDefinition], tuple[str, str]]


@dataclass(frozen=True)
class BuildResult:
    """What came of it.

    :param planned: one entry per kind, as it was before.
    :param manifest: of the image as it is now; None when nothing was built because nothing was to be changed yet.
    """

    changed: bool
    talos_version: str
    planned: tuple[build_plan.PlannedFile, ...]
    directory: Path
    log: Path
    manifest: ImageManifest | None
    remarks: tuple[str, ...]


def check(request: BuildRequest) -> BuildResult:
    """Return what :func:`build` would do, without doing it; no engine is needed.

    :raises BuildError: it cannot be built.
    """
    with Repository(request.repository) as repository:
        prepared = prepare(repository, request)
    store = ImageStore(request.output)
    directory = store.directory(request.variant.image)
    manifest = read_manifest(directory)
    planned = build_plan.plan(prepared.request.kinds, prepared.inputs, prepared.file_names, manifest, directory)
    return BuildResult(
        changed=_differs(prepared, planned, manifest),
        talos_version=prepared.definition.talos_version,
        planned=tuple(planned),
        directory=directory,
        log=store.log(request.variant.image),
        manifest=manifest,
        remarks=prepared.remarks,
    )


def build(request: BuildRequest, now: datetime.datetime, look: Look) -> BuildResult:
    """Build what is missing or stale of one image.

    Nothing is left behind by a build that fails: the image is as it was before.

    :param now: the time that the manifest states.
    :param look: judges each new file.
    :raises BuildError: it cannot be built.
    """
    if request.kinds:
        container_engine.require_tools(request.engine)
    with Repository(request.repository) as repository:
        prepared = prepare(repository, request)
        store, name = ImageStore(request.output), request.variant.image
        directory = store.directory(name)
        with store.locked(name, request.limit) as work:
            manifest = read_manifest(directory)
            planned = build_plan.plan(prepared.request.kinds, prepared.inputs, prepared.file_names, manifest, directory)
            changed = _differs(prepared, planned, manifest)
            if changed:
                manifest = _build(repository, prepared, planned, manifest, store, work, now, look)
    version = prepared.definition.talos_version
    return BuildResult(changed, version, tuple(planned), directory, store.log(name), manifest, prepared.remarks)


def _build(
    repository: Repository,
    prepared: Prepared,
    planned: Sequence[build_plan.PlannedFile],
    before: ImageManifest | None,
    store: ImageStore,
    work: Path,
    now: datetime.datetime,
    look: Look,
) -> ImageManifest:
    name = prepared.request.variant.image
    directory, log = store.directory(name), store.log(name)
    wanted = [file for file in planned if file.state != build_plan.CACHED]
    scratch = work / "home"
    scratch.mkdir()
    engine = container_engine.find_engine(prepared.request.engine, str(scratch)) if wanted else None
    tree = check_out(repository, prepared.layout.commit, work / "tree")
    profiles = write_profiles(tree, prepared)
    result = work / "result"
    (result / PROFILES_DIRECTORY).mkdir(parents=True)
    for kind, text in profiles.items():
        (result / PROFILES_DIRECTORY / f"{kind}.yaml").write_text(text, encoding="utf-8")
    files: dict[str, BuiltFile] = {}
    for file in planned:
        known = before.file(file.kind) if before else None
        if file.state == build_plan.CACHED and known is not None:
            _take(directory / known.name, result / known.name)
            files[file.kind] = known
    if engine is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"== {name.key}: begun {now.isoformat(timespec='seconds')}\n", encoding="utf-8")
        engine.write_script(work / "programs", prepared.request.run_options)
        for file in wanted:
            files[file.kind] = _make(prepared, file, tree, work, log, result, look)
    manifest = _manifest(prepared, files, profiles, before, bool(wanted), engine, now)
    (result / MANIFEST_FILE).write_text(manifest.to_json(), encoding="utf-8")
    (result / CHECKSUM_FILE).write_text(checksums(result), encoding="utf-8")
    store.replace(name, result)
    return manifest


def write_profiles(tree: WorkTree, prepared: Prepared) -> dict[str, str]:
    """Write the profiles of an image into the tree and read them back; return kind -> text.

    :raises BuildError: they do not say what was asked for, or something else of the tree changed.
    """
    layout, definition = prepared.layout, prepared.definition
    executables = tree.executables(layout.core)
    texts = {kind: render_profile(kind, definition) for kind in layout.profiles}
    for kind, text in texts.items():
        (tree.path / layout.profile_path(kind)).write_text(text, encoding="utf-8")
    findings = profile_check.check_executables(tree.path, executables)
    for kind in texts:
        path = layout.profile_path(kind)
        text = (tree.path / path).read_text(encoding="utf-8")
        findings += profile_check.check_profile(kind, text, path, definition)
    if findings:
        first = findings[0]
        raise BuildError(first.path, first.message, first.fix)
    others = set(tree.changed_files()) - {layout.profile_path(kind) for kind in texts}
    if others:
        raise BuildError(
            sorted(others)[0], "differs from the commit in a fresh checkout", "check the clone with git fsck"
        )
    return texts


def _make(
    prepared: Prepared, file: build_plan.PlannedFile, tree: WorkTree, work: Path, log: Path, result: Path, look: Look
) -> BuiltFile:
    """Build one kind and move its file to the result."""
    layout, request = prepared.layout, prepared.request
    what = f"{request.variant.image.key} {file.kind}"
    assets = _empty_assets(tree, request, what)
    version = prepared.definition.talos_version
    pinned = f"{version}@{prepared.imager_digest}" if prepared.imager_digest else version
    command = make_command(tree.path, layout.core, layout.targets[file.kind], {"TALOS_VERSION": pinned})
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"== {file.kind}: {file.name} ({file.why})\n")
    seconds = run_make(command, make_environment(work / "programs", work / "home"), log, request.limit, what)
    found = sorted(path.name for path in assets.iterdir())
    if found != [file.name]:
        cause = f"the imager wrote {', '.join(found) or 'nothing'}, expected {file.name}"
        raise BuildError(what, cause, f"see {log}; the ref may need a review of its build")
    path = assets / file.name
    # A link in the imager's archive would pass for whatever it leads to on this machine.
    if path.is_symlink() or not path.is_file():
        raise BuildError(what, f"{file.name} is no regular file", f"see {log}; do not use that imager")
    architecture, form = look(path, prepared.definition)
    built = BuiltFile(file.kind, file.name, path.stat().st_size, sha256_of(path), architecture, form)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"== {file.kind}: {built.size} bytes, sha256 {built.sha256}, {seconds:.1f} s\n")
    path.rename(result / file.name)
    return built


def _empty_assets(tree: WorkTree, request: BuildRequest, what: str) -> Path:
    """Return the directory into which the recipe unpacks, empty and inside the checkout."""
    top = tree.path / ASSETS_DIRECTORY.partition("/")[0]
    # What the commit has there could lead out of the checkout.
    if top.is_symlink() or (top.exists() and not top.is_dir()):
        raise BuildError(what, f"{top.name} is no directory at {request.ref}", "choose another ref")
    shutil.rmtree(top, ignore_errors=True)
    assets = tree.path / ASSETS_DIRECTORY
    assets.mkdir(parents=True)
    return assets


def _manifest(
    prepared: Prepared,
    files: Mapping[str, BuiltFile],
    profiles: Mapping[str, str],
    before: ImageManifest | None,
    is_built: bool,
    engine: container_engine.Engine | None,
    now: datetime.datetime,
) -> ImageManifest:
    request, layout, definition = prepared.request, prepared.layout, prepared.definition
    name = request.variant.image
    kept_time = before.built if before is not None and not is_built else now.isoformat(timespec="seconds")
    made_by = dict(before.engine) if before is not None else {}
    if engine is not None:
        made_by = {"name": engine.name, "version": engine.version, "machine": platform.machine()}
    return ImageManifest(
        key=name.key,
        tag=name.tag(definition.talos_version),
        architecture=definition.architecture,
        talos_version=definition.talos_version,
        variant=request.variant.to_mapping(),
        upstream={
            "commit": layout.commit,
            "ref": request.ref,
            "core": layout.core,
            "generation": layout.generation or "/".join(layout.generations),
            "contract": prepared.verdict,
        },
        imager=prepared.imager,
        base_installer=definition.base_installer,
        extensions=tuple(
            {"name": each.name, "version": each.tag, "digest": each.digest, "reference": each.text}
            for each in definition.extensions
        ),
        inputs=prepared.inputs,
        files=tuple(files[kind] for kind in request.kinds),
        profiles={f"{kind}.yaml": _text_hash(text) for kind, text in profiles.items()},
        built=kept_time,
        engine=made_by,
        tools=container_engine.tool_versions(),
        collection=COLLECTION_VERSION,
        remarks=prepared.remarks,
    )


def _differs(prepared: Prepared, planned: Sequence[build_plan.PlannedFile], manifest: ImageManifest | None) -> bool:
    """Return whether files, profiles or what the manifest states would change."""
    if manifest is None or any(file.state != build_plan.CACHED for file in planned):
        return True
    profiles = {
        f"{kind}.yaml": _text_hash(render_profile(kind, prepared.definition)) for kind in prepared.layout.profiles
    }
    return (
        profiles != manifest.profiles
        or manifest.upstream.get("commit") != prepared.layout.commit
        or [file.kind for file in manifest.files] != list(prepared.request.kinds)
        or manifest.variant != prepared.request.variant.to_mapping()
    )


def _take(source: Path, target: Path) -> None:
    """Have a file that is up to date in the new directory too: the same one where possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
