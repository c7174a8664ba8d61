# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What shows only when several commits are looked at: a platform upgrade that takes nodes back to an older Talos."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.ref_choice import in_order, release
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Judgement
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import (
    UnknownVersion,
    parse_version,
)


@dataclass(frozen=True)
class Setback:
    """CozyStack ``ref`` has an older Talos than the lower version ``before``."""

    ref: str
    talos_version: str
    before: str
    talos_before: str

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.ref} has Talos {self.talos_version}, {self.before} has {self.talos_before}:"
            " an upgrade of the platform would take nodes back"
        )


def setbacks(judgements: Iterable[Judgement]) -> list[Setback]:
    """Return the releases whose Talos is older than that of a lower release among those judged, in version order."""
    layouts = {each.ref: each.layout for each in judgements if each.layout is not None}
    highest = before = ""
    found = []
    for ref in in_order(layouts):
        version = release(ref)
        if version is None or not version.release:
            continue
        talos = layouts[ref].talos_version
        try:
            older = bool(highest) and parse_version(talos) < parse_version(highest)
        except UnknownVersion:
            continue
        if older:
            found.append(Setback(ref, talos, before, highest))
        else:
            highest, before = talos, ref
    return found
