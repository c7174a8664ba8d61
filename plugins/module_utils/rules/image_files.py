# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging one file of an image: is it what its name and its definition promise?

Ids: ``image.unreadable``, ``image.architecture``, ``image.extension-missing``, ``image.extension-extra``,
``image.extension-version``, ``image.extensions-unknown``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.image_assets.facts import AssetFacts

REBUILD = "build the image again and look at its profile"


@dataclass(frozen=True)
class ImageExpectation:
    """What the files of an image must be.

    :param architecture: amd64 or arm64; empty for what each name says.
    :param extensions: name -> version of the system extensions, an empty version for any; None is not judged.
    """

    architecture: str = ""
    extensions: Mapping[str, str] | None = None


def judge_file(facts: AssetFacts, path: str, promised: str, wanted: ImageExpectation) -> Iterator[Finding]:
    """Yield what is wrong with a file and with what is inside it.

    :param path: of the file, for the findings.
    :param promised: architecture in its name, empty for none.
    """
    architecture = wanted.architecture or promised
    if promised and wanted.architecture and promised != wanted.architecture:
        yield _finding("architecture", path, f"is named {promised} and must be {wanted.architecture}")
    for part in facts.parts():
        where = f"{path}: {part.name.partition(': ')[2]}" if ": " in part.name else path
        for problem in part.problems:
            yield _finding("unreadable", where, problem)
        if architecture and part.architecture and part.architecture != architecture:
            yield _finding("architecture", where, f"{part.kind} is for {part.architecture}, not for {architecture}")
    yield from _extensions(facts, path, wanted.extensions)


def _extensions(facts: AssetFacts, path: str, wanted: Mapping[str, str] | None) -> Iterator[Finding]:
    if wanted is None or facts.kind == "kernel":
        return
    if facts.extensions is None:
        if not any(part.problems for part in facts.parts()):
            text = "has no initramfs that can be looked into; its system extensions are not known"
            yield Finding(
                "image.extensions-unknown", "warning", text, path=path, fix="judge the initramfs of the same build"
            )
        return
    found = {extension.name: extension.version for extension in facts.extensions}
    for name in sorted(wanted.keys() - found.keys()):
        yield _finding("extension-missing", path, f"system extension {name} is not in it")
    for name in sorted(found.keys() - wanted.keys()):
        yield _finding("extension-extra", path, f"system extension {name} {found[name]} is in it and was not asked for")
    for name in sorted(wanted.keys() & found.keys()):
        # Some tags begin with a v where the extension's own version does not.
        if wanted[name] and wanted[name].lstrip("v") != found[name].lstrip("v"):
            text = f"system extension {name} is {found[name]}, not {wanted[name]}"
            yield _finding("extension-version", path, text)


def _finding(topic: str, path: str, message: str) -> Finding:
    return Finding(f"image.{topic}", "error", message, path=path, fix=REBUILD)
