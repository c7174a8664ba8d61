# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the contract about extensions: C8 and C9."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import ImageReference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.known_extensions import (
    KNOWN,
    NEWEST_KNOWN,
    OLDEST_KNOWN,
    REGISTRY,
    Minor,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Observation, Wishes, ok
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.extensions import EXTENSIONS
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import (
    UnknownVersion,
    parse_version,
)

# Without these CozyStack's storage does not work.
NEEDED = ("drbd", "zfs")


def talos_minor(layout: Layout) -> Minor | None:
    """Return (major, minor) of the Talos that the profile means, None when its version cannot be read."""
    try:
        return parse_version(layout.installer_profile.version).line
    except UnknownVersion:
        return None


def committed_extensions(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C8: every committed reference is whole, Sidero's and known; profiles agree; nothing is there twice."""
    path = layout.installer_profile.file.path
    texts = [reference.text for reference in layout.extensions]
    for profile in layout.profiles.values():
        if not profile.fault and [reference.text for reference in profile.extensions] != texts:
            line = profile.line("input.systemExtensions")
            yield Observation("unknown", profile.file.path, line, "the extensions of installer.yaml", "other ones")
    seen: set[str] = set()
    for reference in layout.extensions:
        if reference.name in seen:
            yield Observation("unsupported", path, reference.line, f"{reference.name} once", "twice")
        seen.add(reference.name)
        yield from _reference(layout, wishes, path, reference)
    for name in NEEDED:
        if name not in seen:
            yield Observation(
                "unsupported", path, layout.installer_profile.line("input.systemExtensions"), name, "none"
            )
    if layout.extensions and not any(reference.digest for reference in layout.extensions):
        note = "a tag can be moved: digests are resolved and recorded when an image is built"
        yield Observation(
            "changed-but-handled", path, layout.extensions[0].line, "references with digest", "tags", note
        )
    yield from _generator_lists(layout)
    yield ok(path, layout.extensions[0].line if layout.extensions else 0, " ".join(sorted(seen)))


def _reference(layout: Layout, wishes: Wishes, path: str, reference: ImageReference) -> Iterator[Observation]:
    line, text = reference.line, reference.text
    if not reference.well_formed:
        note = "tag or digest is not whole" if ":" in text else ""
        yield Observation("unsupported", path, line, f"{REGISTRY}/<name>:<tag>[@sha256:<64 digits>]", text, note)
        return
    if not reference.repository.startswith(f"{REGISTRY}/"):
        yield Observation("unsupported", path, line, f"{REGISTRY}/{reference.name}", text, "nobody knows it for arm64")
        return
    known, minor = KNOWN.get(reference.name), talos_minor(layout)
    if known is None:
        yield Observation("unknown", path, line, "an extension whose content for arm64 is known", reference.name)
        return
    if known.until and minor and minor > known.until:
        note = f"frozen: not published under that name since Talos {known.until[0]}.{known.until[1] + 1}; left out"
        yield Observation("changed-but-handled", path, line, "an extension of that Talos version", text, note)
    if minor and minor < known.since:
        expected = f"Talos {known.since[0]}.{known.since[1]} or newer for {reference.name}"
        yield Observation("unknown", path, line, expected, layout.talos_version)
    if reference.name in EXTENSIONS and EXTENSIONS[reference.name].needs_configuration:
        note = "without its configuration document the boot of a node does not finish"
        yield Observation("changed-but-handled", path, line, "extensions without configuration", reference.name, note)
    yield from _against_list(wishes, path, reference)


def _against_list(wishes: Wishes, path: str, reference: ImageReference) -> Iterator[Observation]:
    """Compare a committed reference with the list of that Talos version, when there is one."""
    listed = (wishes.available or {}).get(reference.name)
    if listed and listed.tag == reference.tag and reference.digest and listed.digest != reference.digest:
        note = "the image was built again under the same tag; the committed digest is used"
        yield Observation("changed-but-handled", path, reference.line, listed.digest, reference.digest, note)


def _generator_lists(layout: Layout) -> Iterator[Observation]:
    """Report when upstream's generator lists other names than are committed."""
    generator = layout.generator
    if generator is None:
        return
    listed = {*generator.firmware, *generator.extensions}
    committed = {reference.name for reference in layout.extensions}
    if listed != committed:
        difference = " ".join(sorted(listed ^ committed))
        note = "what is committed counts"
        yield Observation(
            "changed-but-handled",
            generator.file.path,
            0,
            "the committed extensions",
            f"differences: {difference}",
            note,
        )


def added_extensions(layout: Layout, wishes: Wishes) -> Iterator[Observation]:
    """C9: the extensions to be added exist for that Talos version."""
    path, line = layout.installer_profile.file.path, layout.installer_profile.line("version")
    found = f"Talos {layout.talos_version}"
    minor = talos_minor(layout)
    for name in wishes.extensions:
        expected = f"a Talos version with {name}"
        if wishes.available is not None:
            if name not in wishes.available:
                yield Observation("unsupported", path, line, expected, f"{found}, whose list has no {name}")
        elif minor is None or name not in KNOWN or not OLDEST_KNOWN <= minor <= NEWEST_KNOWN:
            note = f"give the list ghcr.io/siderolabs/extensions:{layout.talos_version} (image-digests)"
            yield Observation("unknown", path, line, expected, found, note)
        elif minor < KNOWN[name].since:
            first = ".".join(map(str, KNOWN[name].since))
            yield Observation("unsupported", path, line, expected, found, f"{name} exists since Talos {first}")
    yield ok(path, line, " ".join(wishes.extensions) or "none")
