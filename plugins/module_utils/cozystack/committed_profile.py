# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed imager profiles of CozyStack, read as data."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import SourceFile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import OutputKind
from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

# What CozyStack's Makefile does to find the Talos version: awk '/^version:/ {print $2}'.
_VERSION_LINE = re.compile(r"^version:.*$", re.MULTILINE)
_REFERENCE = re.compile(
    r"^(?P<repository>[a-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+)"
    r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


@dataclass(frozen=True)
class ImageReference:
    """A reference to a container image in a profile.

    ``text`` is what is written; ``repository``, ``tag`` and ``digest`` are empty when it is malformed.
    """

    text: str
    line: int
    repository: str = ""
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Last part of the repository, such as ``drbd``; of a malformed reference what stands before tag and digest."""
        return (self.repository or self.text.partition("@")[0].rpartition(":")[0] or self.text).rpartition("/")[2]

    @property
    def well_formed(self) -> bool:
        """Whether it names repository and tag, and its digest, if any, is a whole one."""
        return bool(self.repository)


def image_reference(text: str, line: int = 0) -> ImageReference:
    """Take a reference apart."""
    match = _REFERENCE.match(text)
    if match is None:
        return ImageReference(text, line)
    return ImageReference(text, line, match["repository"], match["tag"], match["digest"] or "")


@dataclass(frozen=True)
class CommittedProfile:
    """One profile as upstream committed it.

    :param name: kind of CozyStack: initramfs, kernel, iso, installer, nocloud, metal.
    :param file: path and text.
    :param document: the YAML as plain data, empty when ``fault`` is set.
    :param lines: key such as ``input.kernel.path`` -> line (from 1).
    :param fault: why it is no profile (one line with file and line), else empty.
    :param make_version: what make takes for the Talos version: second word of the ``version:`` line at column 0.
    :param version: the value of ``version`` in YAML.
    :param output: platform, kind and format.
    :param extensions: system extensions in upstream's order.
    :param keys: all keys, dotted; an entry of a list has no index.
    """

    name: str
    file: SourceFile
    document: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    make_version: str = ""
    version: str = ""
    arch: str = ""
    kernel_path: str = ""
    initramfs_path: str = ""
    output: OutputKind = OutputKind("", "", "")
    base_installer: ImageReference = ImageReference("", 0)
    extensions: tuple[ImageReference, ...] = ()
    keys: frozenset[str] = frozenset()

    def line(self, key: str) -> int:
        """Return the line of a key, of the nearest key above it, else 1."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = key.rpartition(".")[0]
        return 1


@functools.lru_cache(maxsize=1024)
def read_profile(name: str, file: SourceFile) -> CommittedProfile:
    """Read one profile, once for all commits that share it; a file that is no profile comes back with ``fault``."""
    version_lines = _VERSION_LINE.findall(file.text)
    make_version = " ".join((line.split() + [""])[1] for line in version_lines)
    try:
        documents = yaml_text.load_all_with_lines(file.text, file.path)
    except yaml_text.YamlError as error:
        return CommittedProfile(name, file, fault=str(error), make_version=make_version)
    if len(documents) != 1 or not isinstance(documents[0][0], dict):
        return CommittedProfile(name, file, fault=f"{file.path}: is not one mapping", make_version=make_version)
    document, positions = documents[0]
    lines = {".".join(path): line for path, line in positions.items()}
    return CommittedProfile(
        name,
        file,
        document=document,
        lines=lines,
        make_version=make_version,
        version=_text(document, "version"),
        arch=_text(document, "arch"),
        kernel_path=_text(document, "input", "kernel", "path"),
        initramfs_path=_text(document, "input", "initramfs", "path"),
        output=OutputKind(
            _text(document, "platform"), _text(document, "output", "kind"), _text(document, "output", "outFormat")
        ),
        base_installer=image_reference(
            _text(document, "input", "baseInstaller", "imageRef"), lines.get("input.baseInstaller.imageRef", 1)
        ),
        extensions=tuple(_extensions(document, lines)),
        keys=frozenset(_keys(document)),
    )


def _text(document: Any, *path: str) -> str:
    for key in path:
        if not isinstance(document, dict):
            return ""
        document = document.get(key)
    return document if isinstance(document, str) else ""


def _extensions(document: dict[str, Any], lines: Mapping[str, int]) -> Iterator[ImageReference]:
    section = document.get("input")
    entries = section.get("systemExtensions") if isinstance(section, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        yield image_reference(_text(entry, "imageRef"), lines.get(f"input.systemExtensions.{number}", 1))


def _keys(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{prefix}{key}"
            yield from _keys(below, f"{prefix}{key}.")
    elif isinstance(value, list):
        for entry in value:
            yield from _keys(entry, prefix)
