# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CozyStack's own generator of profiles, read as text: it is never run.

What it would emit is compared with what is committed; only the committed profiles are believed.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import SourceFile

_LIST = r'^{name}="(?P<value>[^"$`]*)"'
_TEMPLATE_REFERENCE = re.compile(r"^\s+- imageRef:\s*(?P<text>\S+)", re.MULTILINE)
_TEMPLATE_BASE = re.compile(r"baseInstaller:\s*\n\s+imageRef:\s*\"?(?P<text>[^\"\s]+)")


@dataclass(frozen=True)
class ProfileGenerator:
    """What the generator says.

    :param profiles: its list of profiles.
    :param firmware: its list of firmware images.
    :param extensions: its list of system extensions.
    :param lookup: how it finds references: ``image-digests``, ``list-tags`` or ``unknown``.
    :param emitted: names of the images that its template writes; may be fewer than the lists say.
    :param base_installer: base installer of the template, with shell variables; ``base_installer_line`` its line.
    :param cases: whether platform and kind are chosen per profile by a ``case``.
    """

    file: SourceFile
    profiles: tuple[str, ...]
    firmware: tuple[str, ...]
    extensions: tuple[str, ...]
    lookup: str
    emitted: tuple[str, ...]
    base_installer: str
    base_installer_line: int
    cases: bool


@functools.lru_cache(maxsize=256)
def read_generator(file: SourceFile) -> ProfileGenerator:
    """Read the generator script."""
    text = file.text
    base = _TEMPLATE_BASE.search(text)
    return ProfileGenerator(
        file,
        _words(text, "PROFILES"),
        _words(text, "FIRMWARES"),
        _words(text, "EXTENSIONS"),
        "image-digests" if "image-digests" in text else "list-tags" if "list-tags" in text else "unknown",
        tuple(_emitted_name(match["text"]) for match in _TEMPLATE_REFERENCE.finditer(text)),
        base["text"] if base else "",
        text.count("\n", 0, base.start("text")) + 1 if base else 0,
        'case "$profile"' in text,
    )


def _words(text: str, name: str) -> tuple[str, ...]:
    match = re.search(_LIST.format(name=name), text, re.MULTILINE)
    return tuple(match["value"].split()) if match else ()


def _emitted_name(text: str) -> str:
    """Return the image's name from ``ghcr.io/siderolabs/NAME:${...}`` or ``${NAME_IMAGE}``."""
    if "/" in text:
        return text.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return text.strip('"${}').removesuffix("_IMAGE").lower().replace("_", "-")
