# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles and tree, read back and judged by their meaning before anything is built from them.

The imager accepts a profile that names one architecture and takes the kernel of another, and make accepts a version
that awk does not find; the result is a file that lies. So what was written is parsed again and compared with what was
asked for, and every finding names file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import (
    CommittedProfile,
    read_profile,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import SourceFile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import (
    FURTHER_KEYS,
    KINDS,
    TEMPLATE_KEYS,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.profiles import ImageDefinition
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding

LAYER = "image"
# Words of one architecture that must not be left in a profile for the other.
_FOREIGN = {"arm64": ("amd64", "x86_64", "x86-64"), "amd64": ("arm64", "aarch64")}


def check_profile(kind: str, text: str, path: str, definition: ImageDefinition) -> list[Finding]:
    """Judge the text of one profile against what was asked for.

    :param kind: a key of ``KINDS``.
    :param path: where it is, for the findings.
    :return: findings ``image.profile-syntax``, ``image.profile-key``, ``image.profile-architecture``,
        ``image.profile-version``, ``image.profile-value``, ``image.profile-duplicate`` and
        ``image.profile-extension``, each with file and line.
    """
    profile = read_profile(kind, SourceFile(path, text, "", False))
    if profile.fault:
        return [Finding("image.profile-syntax", "error", profile.fault, path=path, fix=_AGAIN, layer=LAYER)]
    findings: list[Finding] = []
    for rule in (_keys, _foreign_architecture, _version, _values, _duplicates, _extensions):
        findings += rule(profile, definition)
    return findings


def check_executables(tree: Path, expected: Mapping[str, bool]) -> list[Finding]:
    """Judge whether files of a tree are executable as upstream has them.

    :param expected: path below the tree to whether the commit has it executable.
    :return: findings ``image.executable-bit``.
    """
    findings = []
    for name, wanted in sorted(expected.items()):
        if bool(os.stat(tree / name).st_mode & 0o100) != wanted:
            cause = "is not executable, upstream's is" if wanted else "is executable, upstream's is not"
            findings.append(_finding("executable-bit", cause, "check the file out again", str(tree / name), 1))
    return findings


_AGAIN = "write the profile again"


def _keys(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    for key in sorted(profile.keys - TEMPLATE_KEYS):
        if not any(key == known or key.startswith(f"{known}.") for known in FURTHER_KEYS):
            cause = f"key {key} is not known to the imager"
            yield _finding("profile-key", cause, "remove it", profile.file.path, profile.line(key))


def _foreign_architecture(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    for number, line in enumerate(profile.file.text.splitlines(), 1):
        content = line.partition("#")[0]
        for word in _FOREIGN[definition.architecture]:
            if re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", content):
                cause = f"{word} is left in a profile for {definition.architecture}: {content.strip()}"
                fix = f"architecture, kernel and initramfs must all be {definition.architecture}"
                yield _finding("profile-architecture", cause, fix, profile.file.path, number)


def _version(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    wanted = definition.talos_version
    if profile.make_version != wanted:
        cause = f"make reads the version {profile.make_version or 'nothing'}, expected {wanted}"
        fix = f"write version: {wanted}, once, without quotes, in the first column"
        yield _finding("profile-version", cause, fix, profile.file.path, profile.line("version"))


def _values(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    arch, output = definition.architecture, KINDS[profile.name]
    expected: dict[str, tuple[Any, Any]] = {
        "arch": (profile.arch, arch),
        "platform": (profile.output.platform, output.platform),
        "secureboot": (profile.document.get("secureboot"), False),
        "input.kernel.path": (profile.kernel_path, f"/usr/install/{arch}/vmlinuz"),
        "input.initramfs.path": (profile.initramfs_path, f"/usr/install/{arch}/initramfs.xz"),
        "input.baseInstaller.imageRef": (profile.base_installer.text, definition.base_installer),
        "output.kind": (profile.output.kind, output.kind),
        "output.outFormat": (profile.output.out_format, output.out_format),
    }
    for key, (found, wanted) in expected.items():
        if found != wanted:
            cause = f"{key} is {found or 'missing'}, expected {wanted}"
            yield _finding("profile-value", cause, _AGAIN, profile.file.path, profile.line(key))


def _duplicates(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    seen: set[str] = set()
    for reference in profile.extensions:
        if reference.name in seen:
            cause = f"extension {reference.name} is listed twice"
            yield _finding("profile-duplicate", cause, "keep one of the lines", profile.file.path, reference.line)
        seen.add(reference.name)


def _extensions(profile: CommittedProfile, definition: ImageDefinition) -> Iterator[Finding]:
    wanted = [reference.text for reference in definition.extensions]
    found = {reference.text: reference.line for reference in profile.extensions}
    for text in wanted:
        if text not in found:
            line = profile.line("input.systemExtensions")
            yield _finding("profile-extension", f"extension {text} is missing", "add it", profile.file.path, line)
    for text, line in found.items():
        if text not in wanted:
            cause = f"extension {text} was not asked for"
            yield _finding("profile-extension", cause, "remove it", profile.file.path, line)


def _finding(rule: str, message: str, fix: str, path: str, line: int) -> Finding:
    return Finding(f"image.{rule}", "error", message, path=f"{path}:{line}", fix=fix, layer=LAYER)
