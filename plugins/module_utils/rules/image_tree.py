# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging the directory of an image: is it complete, and is every file the one that was built?

Ids: ``image.checksums-absent``, ``image.checksum-missing``, ``image.checksum-differs``, ``image.file-missing``,
``image.checksum-line``, ``image.manifest-absent``, ``image.manifest-unreadable``, ``image.manifest-differs``,
``image.profile-stale``, ``image.link``; those of files are in image_files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.asset import parse_name
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.image_directory import (
    CHECKSUM_FILE,
    MANIFEST_FILE,
)
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.tree import AssetTree
from ansible_collections.homelab.talos.plugins.module_utils.rules.image_files import (
    REBUILD,
    ImageExpectation,
    judge_file,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

RESTORE = "copy the directory again from where it was built"


def judge_tree(tree: AssetTree, wanted: ImageExpectation) -> list[Finding]:
    """Return what is wrong with a directory; what *wanted* leaves open is taken from the manifest."""
    findings = [*_links(tree), *_checksums(tree), *_manifest(tree), *_profiles(tree)]
    expectation = _completed(wanted, tree.manifest or {})
    for path, facts in tree.assets.items():
        promised = parse_name(PurePosixPath(path).name).architecture
        findings.extend(judge_file(facts, path, promised, expectation))
    return findings


def _completed(wanted: ImageExpectation, manifest: Mapping[str, Any]) -> ImageExpectation:
    extensions = wanted.extensions
    if extensions is None and isinstance(manifest.get("extensions"), list):
        extensions = {str(item.get("name")): str(item.get("version") or "") for item in manifest["extensions"]}
    return ImageExpectation(wanted.architecture or str(manifest.get("architecture") or ""), extensions)


def _links(tree: AssetTree) -> Iterator[Finding]:
    for path in tree.links:
        yield _finding("link", path, "is a symbolic link; an image holds files", "put the file itself there")


def _checksums(tree: AssetTree) -> Iterator[Finding]:
    if tree.listed is None:
        yield _finding("checksums-absent", CHECKSUM_FILE, "is not there; no file can be compared", RESTORE)
        return
    for number in tree.unreadable_lines:
        yield _finding("checksum-line", f"{CHECKSUM_FILE}:{number}", "is no checksum as sha256sum writes it", RESTORE)
    for path in sorted(tree.listed.keys() - tree.sums.keys() - set(tree.links)):
        yield _finding("file-missing", path, f"is in {CHECKSUM_FILE} and not in the directory", RESTORE)
    for path in sorted(tree.sums.keys() - tree.listed.keys()):
        yield _finding(
            "checksum-missing", path, f"is in the directory and not in {CHECKSUM_FILE}", "remove it, or build again"
        )
    for path in sorted(tree.sums.keys() & tree.listed.keys()):
        if tree.sums[path] != tree.listed[path]:
            text = f"has SHA-256 {tree.sums[path][:12]}..., not {tree.listed[path][:12]}... as {CHECKSUM_FILE} says"
            yield _finding("checksum-differs", path, text, RESTORE)


def _manifest(tree: AssetTree) -> Iterator[Finding]:
    if tree.manifest is None:
        topic, text = ("manifest-unreadable", tree.manifest_error) if tree.manifest_error else ("manifest-absent", "")
        yield _finding(topic, MANIFEST_FILE, text or "is not there; nothing says what the image holds", REBUILD)
        return
    files = {str(file.get("name")): file for file in tree.manifest.get("files") or []}
    present = set(tree.assets)
    for path in sorted(files.keys() - tree.sums.keys() - set(tree.links)):
        yield _finding("file-missing", path, f"is in {MANIFEST_FILE} and not in the directory", RESTORE)
    for path in sorted(present - files.keys()):
        yield _finding("manifest-differs", path, f"is in the directory and not in {MANIFEST_FILE}", REBUILD)
    for path in sorted(files.keys() & tree.sums.keys()):
        if files[path].get("sha256") != tree.sums[path]:
            yield _finding("manifest-differs", path, f"is not the file that {MANIFEST_FILE} describes", RESTORE)


def _profiles(tree: AssetTree) -> Iterator[Finding]:
    """Yield profiles that are not those from which the files were built."""
    manifest = tree.manifest
    if manifest is None:
        return
    recorded = manifest.get("profiles") or {}
    for path, text in tree.profiles.items():
        name = PurePosixPath(path).name
        if recorded.get(name) not in (None, tree.sums[path]):
            text_of = f"is not the profile from which the image was built ({MANIFEST_FILE} has another SHA-256)"
            yield _finding("profile-stale", path, text_of, REBUILD)
            continue
        yield from _profile(path, text, manifest)


def _profile(path: str, text: str, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    try:
        document = yaml_text.load_all(text, path)[0]
        version, architecture = document["version"], document["arch"]
        listed = [item["imageRef"] for item in document["input"].get("systemExtensions") or []]
    except (yaml_text.YamlError, KeyError, TypeError, IndexError, AttributeError):
        yield _finding("profile-stale", path, "is no readable imager profile", REBUILD)
        return
    pairs = [("version", version, manifest.get("talos_version")), ("arch", architecture, manifest.get("architecture"))]
    for key, found, wanted in pairs:
        if wanted and found != wanted:
            yield _finding("profile-stale", path, f"{key} is {found}, the image was built with {wanted}", REBUILD)
    references = [item.get("reference") for item in manifest.get("extensions") or []]
    if references and listed != references:
        yield _finding("profile-stale", path, "lists other system extensions than the image was built with", REBUILD)


def _finding(topic: str, path: str, message: str, fix: str) -> Finding:
    return Finding(f"image.{topic}", "error", message, path=path, fix=fix)
