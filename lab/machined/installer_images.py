# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installer images as the lab knows them: a version of Talos, and extensions by the schematic in the reference.

Nothing is pulled. Source: siderolabs/image-factory:pkg/schematic/schematic.go (the id is a digest of its content).
"""

from __future__ import annotations

import functools
import itertools
import re

from ansible_collections.homelab.talos.lab.machined.boot_slots import BootImage
from ansible_collections.homelab.talos.lab.machined.description import Extension
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import extensions, versions

_REFERENCE = re.compile(
    r"(?:[^/]+/)*?(?:siderolabs/installer|(?:metal-)?installer/(?P<schematic>[0-9a-f]{64})):(?P<tag>v.+)"
)


class UnknownImage(Exception):
    """No image the lab knows has this reference; one line."""


def image_of(reference: str) -> BootImage:
    """Return what an installer image installs.

    Known are the plain installer and those of the image factory with any selection of the extensions whose versions
    the library knows. Raises :class:`UnknownImage`.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise UnknownImage(f"failed to resolve reference {reference!r}: not found")
    try:
        version = str(versions.parse_version(found["tag"]))
        names = _names_of(found["schematic"], versions.talos_line(version).minor) if found["schematic"] else ()
    except (versions.UnknownVersion, LookupError):
        raise UnknownImage(f"failed to resolve reference {reference!r}: not found") from None
    return BootImage(version, tuple(Extension(name, extensions.extension_version(name, version)) for name in names))


@functools.cache
def _schematics(line: tuple[int, int]) -> dict[str, tuple[str, ...]]:
    """Return schematic id -> names of its extensions."""
    version = versions.LINES[line].newest
    known = sorted(name for name in extensions.EXTENSIONS if extensions.extension_version(name, version))
    selections = itertools.chain.from_iterable(
        itertools.combinations(known, number) for number in range(len(known) + 1)
    )
    return {extensions.schematic(names)[0]: names for names in selections}


def _names_of(schematic: str, line: tuple[int, int]) -> tuple[str, ...]:
    """Return the extensions of a schematic; raises ``LookupError``."""
    return _schematics(line)[schematic]
