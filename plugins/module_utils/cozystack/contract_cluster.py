# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the contract about the cluster that an image is for: C13 to C15."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Observation, Wishes, ok
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import (
    LINES,
    UnknownVersion,
    known_lines,
    parse_version,
)

# Extension -> what has to fit it in the platform.
DRIVERS = {"drbd": "LINSTOR", "zfs": "its userland"}


def talos_line(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C13: this collection knows the line of that Talos version."""
    profile = layout.installer_profile
    place = (profile.file.path, profile.line("version"))
    expected, found = f"one of {known_lines()}", layout.installer_profile.version
    try:
        version = parse_version(layout.installer_profile.version)
    except UnknownVersion:
        yield Observation("unknown", *place, expected, found or "no version")
        return
    if version.line in LINES:
        yield ok(*place, found)
    elif version.line < min(LINES):
        note = "images can be built; roles and modules do not configure such nodes"
        yield Observation("changed-but-handled", *place, expected, found, note)
    else:
        yield Observation("unknown", *place, expected, found, "newer than what this collection was tested with")


def not_older(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C14: nodes would not go back to an older Talos."""
    profile = layout.installer_profile
    place = (profile.file.path, profile.line("version"))
    running = wishes.cluster_talos or (wishes.platform.talos_version if wishes.platform else "")
    expected = f"{running} or newer"
    try:
        older = parse_version(layout.installer_profile.version) < parse_version(running)
    except UnknownVersion as error:
        yield Observation("unknown", *place, expected, layout.installer_profile.version, str(error))
        return
    if not older:
        yield ok(*place, layout.installer_profile.version)
        return
    note = "installing it would take nodes back to an older Talos"
    yield Observation("changed-but-handled", *place, expected, layout.installer_profile.version, note)


def storage_drivers(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C15: minor versions of drbd and zfs are those of the CozyStack version that the platform runs."""
    path = layout.installer_profile.file.path
    platform = wishes.platform
    wanted = {reference.name: reference.tag for reference in platform.extensions} if platform else {}
    for reference in layout.extensions:
        if reference.name not in DRIVERS:
            continue
        expected, found = _minor(wanted.get(reference.name, "")), _minor(reference.tag)
        if not expected or not found:
            yield Observation(
                "unknown", path, reference.line, f"a version of {reference.name}", reference.tag or "none"
            )
        elif expected != found:
            note = (
                f"{DRIVERS[reference.name]} of the platform at {platform.ref if platform else ''} goes with {expected}"
            )
            text = f"{reference.name} {found}"
            yield Observation("changed-but-handled", path, reference.line, f"{reference.name} {expected}", text, note)
    yield ok(path, 0, " ".join(reference.tag for reference in layout.extensions if reference.name in DRIVERS))


def _minor(tag: str) -> str:
    """Return ``9.2`` from ``9.2.14-v1.11.3``."""
    parts = tag.partition("-")[0].split(".")
    return ".".join(parts[:2]) if len(parts) >= 2 and all(part.isdigit() for part in parts[:2]) else ""
