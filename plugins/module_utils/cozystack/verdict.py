# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract with CozyStack: what a build of arm64 images relies on, judged check by check.

A check ends as ``ok`` (as in the newest layout), ``changed-but-handled`` (different, and taken care of),
``unsupported`` (known not to work) or ``unknown`` (nothing known about it). The overall verdict follows from the worst:
``supported``, ``supported with remarks``, ``unsupported``, ``needs review``. What is unknown is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.committed_profile import ImageReference
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import Layout

Verdict = Literal["ok", "changed-but-handled", "unknown", "unsupported"]
Overall = Literal["supported", "supported with remarks", "needs review", "unsupported"]

# From best to worst.
VERDICTS: tuple[Verdict, ...] = ("ok", "changed-but-handled", "unknown", "unsupported")
OVERALL: dict[Verdict, Overall] = {
    "ok": "supported",
    "changed-but-handled": "supported with remarks",
    "unknown": "needs review",
    "unsupported": "unsupported",
}

# Id -> what the check is about.
CHECKS: dict[str, str] = {
    "C1": "directory of the Talos package",
    "C2": "included makefiles",
    "C3": "invocation of the imager",
    "C4": "target and profile of each kind",
    "C5": "Talos version",
    "C6": "content of the profiles",
    "C7": "names of the files",
    "C8": "committed extensions on arm64",
    "C9": "added extensions",
    "C10": "base installer",
    "C11": "command line of make",
    "C12": "nothing else is needed",
    "C13": "Talos line known to this collection",
    "C14": "Talos not older than that of the cluster",
    "C15": "storage drivers of the platform",
}


@dataclass(frozen=True)
class Observation:
    """One thing a check saw.

    :param file: path below the root of the tree, empty when it is about no single file.
    :param line: line (from 1), 0 for the file as a whole.
    :param note: what follows from it, one line.
    """

    verdict: Verdict
    file: str
    line: int
    expected: str
    found: str
    note: str = ""

    def __str__(self) -> str:
        """Return one line: place, found, expected, note."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"found {self.found}, expected {self.expected}"
        text = f"{place}: {text}" if place else text
        return f"{text}; {self.note}" if self.note else text


@dataclass(frozen=True)
class CheckVerdict:
    """The verdict of one check: that of its worst observation, the first of those."""

    id: str
    observations: tuple[Observation, ...]

    @property
    def decisive(self) -> Observation:
        """The worst observation."""
        return max(self.observations, key=lambda each: VERDICTS.index(each.verdict))

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.decisive.verdict

    def to_dict(self) -> dict[str, Any]:
        """Return id, topic, verdict, file, line, expected, found, note, and all remarks as lines."""
        worst = self.decisive
        return {
            "id": self.id,
            "topic": CHECKS[self.id],
            "verdict": worst.verdict,
            "file": worst.file,
            "line": worst.line,
            "expected": worst.expected,
            "found": worst.found,
            "note": worst.note,
            "remarks": [str(each) for each in self.observations if each.verdict != "ok"],
        }


@dataclass(frozen=True)
class Wishes:
    """What the builder wants and knows beyond the tree.

    :param kinds: kinds that must be buildable; by default all that the layout has.
    :param extensions: names of the extensions to add.
    :param available: name -> reference from the list of extensions of that Talos; None when there is no such list.
    :param cluster_talos: Talos version that the cluster's nodes run, empty when unknown.
    :param platform: layout of the CozyStack version that the cluster's platform runs, None when unknown.
    """

    kinds: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ("spin", "tailscale")
    available: Mapping[str, ImageReference] | None = None
    cluster_talos: str = ""
    platform: Layout | None = None


@dataclass(frozen=True)
class Judgement:
    """The verdict about one commit.

    :param layout: what was found, None when the layout is not known.
    :param checks: verdicts in the order of `CHECKS`.
    :param not_checked: id of a check -> why it was left out.
    """

    ref: str
    commit: str
    layout: Layout | None
    checks: tuple[CheckVerdict, ...]
    not_checked: Mapping[str, str] = field(default_factory=dict)

    @property
    def overall(self) -> Overall:
        """The verdict over all checks."""
        return OVERALL[max((check.verdict for check in self.checks), key=VERDICTS.index)]

    def check(self, identity: str) -> CheckVerdict:
        """Return the verdict of one check.

        :raises KeyError: it was not made.
        """
        return {check.id: check for check in self.checks}[identity]

    @property
    def remarks(self) -> list[str]:
        """One line per observation that is not ok."""
        return [
            f"{check.id} {each.verdict}: {each}"
            for check in self.checks
            for each in check.observations
            if each.verdict != "ok"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data; without a layout the fields about it are empty."""
        layout = self.layout
        return {
            "ref": self.ref,
            "commit": self.commit,
            "verdict": self.overall,
            "generation": layout.generation if layout else "",
            "core": layout.core if layout else "",
            "invocation": layout.invocation if layout else "",
            "talos_version": layout.talos_version if layout else "",
            "targets": dict(layout.targets) if layout else {},
            "files": layout.asset_files("arm64") if layout else {},
            "extensions": [reference.text for reference in layout.extensions] if layout else [],
            "base_installer": layout.base_installer.text if layout else "",
            "checks": [check.to_dict() for check in self.checks],
            "not_checked": dict(self.not_checked),
            "remarks": self.remarks,
        }


def decide(identity: str, observations: Iterable[Observation]) -> CheckVerdict:
    """Return the verdict of a check from what it saw, which is at least one thing."""
    return CheckVerdict(identity, tuple(observations))


def ok(file: str, line: int, found: str) -> Observation:
    """Return the observation of what is as expected."""
    return Observation("ok", file, line, found, found)
