# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of the pin, as a patch with the verdict attached."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.cozystack import pin
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Judgement

PATH = "plugins/module_utils/cozystack/pin.py"
_TEXT = '''\
# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CozyStack release that images are built from unless another one is asked for."""

from __future__ import annotations

REF = "{ref}"
COMMIT = "{commit}"
TALOS_VERSION = "{talos_version}"
'''


@dataclass(frozen=True)
class Pin:
    """A pinned CozyStack: ``ref``, its ``commit`` and the Talos version that it builds."""

    ref: str
    commit: str
    talos_version: str

    @property
    def text(self) -> str:
        """The content of the file that holds the pin."""
        return _TEXT.format(ref=self.ref, commit=self.commit, talos_version=self.talos_version)


def current() -> Pin:
    """Return the pin of this collection."""
    return Pin(pin.REF, pin.COMMIT, pin.TALOS_VERSION)


def patch(before: Pin, after: Pin) -> str:
    """Return the change as a patch for ``git apply``; empty when nothing changes."""
    lines = difflib.unified_diff(
        before.text.splitlines(keepends=True), after.text.splitlines(keepends=True), f"a/{PATH}", f"b/{PATH}"
    )
    return "".join(lines)


def proposal(before: Pin, judgement: Judgement) -> str:
    """Return the patch to the judged commit with the verdict in front of it, which ``git apply`` skips.

    Empty when the pin is there already, or when nothing is known about the commit's layout.
    """
    if judgement.layout is None:
        return ""
    change = patch(before, Pin(judgement.ref, judgement.commit, judgement.layout.talos_version))
    if not change:
        return ""
    head = [
        f"CozyStack {before.ref} -> {judgement.ref}, Talos {before.talos_version} -> {judgement.layout.talos_version}",
        f"verdict: {judgement.overall}",
        *(f"  {remark}" for remark in judgement.remarks),
    ]
    return "\n".join(head) + "\n\n" + change
