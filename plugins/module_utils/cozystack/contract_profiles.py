# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the contract about the committed profiles: C5 to C7 and C10."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import CommittedProfile
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.imager import (
    FURTHER_KEYS,
    KINDS,
    TEMPLATE_KEYS,
    OutputKind,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Observation, Wishes, ok

VERSION = re.compile(r"^v[0-9]+\.[0-9]+\.[0-9]+(?:-[A-Za-z0-9_.]+)?$")
INSTALLER_REPOSITORY = "ghcr.io/siderolabs/installer"
_AWK = re.compile(r"^\$\(shell awk '/\^version:/ \{print \$\$2\}' images/talos/profiles/installer\.yaml\)$")
_OPTIONS = "output.imageOptions"
# What CozyStack once committed for nocloud: a file named like metal's, and a kind that the imager refuses.
_ODD_NOCLOUD = (OutputKind("metal", "image", ".xz"), OutputKind("metal", "nocloud", ".xz"))


def talos_version(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C5: make finds one plain version, and all profiles agree on it."""
    profile = layout.installer_profile
    path = profile.file.path
    version = profile.make_version
    line = next((n for n, text in enumerate(profile.file.text.splitlines(), 1) if text.startswith("version:")), 0)
    if not VERSION.match(version):
        yield Observation(
            "unsupported", path, line, "version: vX.Y.Z, unquoted, at column 0", version or "no such line"
        )
        return
    yield ok(path, line, version)
    if profile.version != version and not profile.fault:
        yield Observation("unsupported", path, line, f"{version} in YAML too", profile.version or "nothing")
    for other in layout.profiles.values():
        if other.version != version and not other.fault:
            found = other.version or "none"
            yield Observation(
                "unknown", other.file.path, other.line("version"), f"{version} as in installer.yaml", found
            )
    places = [(layout.makefile_file.path, layout.makefile), *layout.included.items()]
    known = 0
    for place, makefile in places:
        for assignment in makefile.assignments:
            if assignment.name != "TALOS_VERSION":
                continue
            if _AWK.match(assignment.value) and assignment.operator == "=":
                known += 1
                continue
            yield Observation("unknown", place, assignment.line, "awk on installer.yaml", assignment.value)
    if known != 1:
        yield Observation(
            "unknown", layout.makefile_file.path, 0, "one assignment of TALOS_VERSION", f"{known} known ones"
        )


def profile_content(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C6: the profiles are YAML and hold what a generated profile will hold, and no more."""
    for profile in layout.profiles.values():
        yield from _content(profile)
    yield ok(layout.installer_profile.file.path, 0, "the keys of CozyStack's template")


def _content(profile: CommittedProfile) -> Iterator[Observation]:
    path = profile.file.path
    if profile.fault:
        yield Observation("unsupported", path, 0, "a profile in YAML", profile.fault)
        return
    for key in sorted(_unexpected(profile.keys)):
        known = any(key == further or key.startswith(f"{further}.") for further in FURTHER_KEYS)
        verdict = "changed-but-handled" if known else "unknown"
        note = "not in a generated profile: add it to the variant when it matters" if known else "unknown to the imager"
        yield Observation(verdict, path, profile.line(key), "no such key", key, note)  # type: ignore[arg-type]
    missing = {key for key in TEMPLATE_KEYS - profile.keys if not key.startswith(_OPTIONS)}
    for key in sorted(missing):
        yield Observation("unknown", path, profile.line(key), f"a key {key}", "none")
    if _OPTIONS not in profile.keys and not profile.keys & {f"{_OPTIONS}.diskSize"}:
        yield Observation("changed-but-handled", path, profile.line("output"), _OPTIONS, "none", "the imager's default")
    values = {
        "arch": ("amd64", profile.arch),
        "secureboot": ("False", str(profile.document.get("secureboot"))),
        "input.kernel.path": ("/usr/install/amd64/vmlinuz", profile.kernel_path),
        "input.initramfs.path": ("/usr/install/amd64/initramfs.xz", profile.initramfs_path),
    }
    for key, (expected, found) in values.items():
        if found != expected and key not in missing:
            yield Observation("unknown", path, profile.line(key), f"{key}: {expected}", found or "nothing")


def _unexpected(keys: frozenset[str]) -> set[str]:
    """Return the topmost keys that are not in the template."""
    strange = keys - TEMPLATE_KEYS
    return {key for key in strange if not any(key.startswith(f"{above}.") for above in strange)}


def file_names(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C7: platform, kind and format are those that lead to the file names we collect."""
    for kind, profile in layout.profiles.items():
        expected, found = KINDS[kind], profile.output
        path, line = profile.file.path, profile.line("output.kind")
        if profile.fault or found == expected:
            continue
        wanted = f"{expected.file_name('arm64')} (platform {expected.platform}, kind {expected.kind})"
        name = found.file_name("arm64") or "a kind that the imager refuses"
        text = f"{name} (platform {found.platform}, kind {found.kind}, outFormat {found.out_format})"
        if kind == "nocloud" and found in _ODD_NOCLOUD:
            yield Observation("changed-but-handled", path, line, wanted, text, "a generated profile replaces it")
        else:
            yield Observation("unknown", path, line, wanted, text)
    yield ok(layout.installer_profile.file.path, 0, ", ".join(layout.asset_files("arm64").values()))


def base_installer(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C10: the base installer is Sidero's, of the same version as the imager."""
    for profile in layout.profiles.values():
        if profile.fault or not profile.version or "input.baseInstaller.imageRef" not in profile.keys:
            continue
        reference, expected = profile.base_installer, f"{INSTALLER_REPOSITORY}:{profile.version}"
        place = (profile.file.path, reference.line, expected, reference.text)
        if reference.repository == INSTALLER_REPOSITORY and reference.tag == profile.version:
            yield ok(*place[:2], reference.text)
        elif reference.repository.startswith("ghcr.io/siderolabs/") and reference.tag == profile.version:
            yield Observation("unknown", *place)
        else:
            yield Observation("unsupported", *place, "not the installer of that Talos version")
    generator = layout.generator
    if generator and generator.base_installer not in ("", f"{INSTALLER_REPOSITORY}:${{TALOS_VERSION}}"):
        note = "upstream's generator would mix versions; it is not run"
        expected = f"{INSTALLER_REPOSITORY}:${{TALOS_VERSION}}"
        line = generator.base_installer_line
        yield Observation("changed-but-handled", generator.file.path, line, expected, generator.base_installer, note)
    yield ok(layout.installer_profile.file.path, layout.base_installer.line, layout.base_installer.text)
