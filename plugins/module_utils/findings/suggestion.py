# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody probably meant: the nearest known word for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is nearest to ``word``, empty when none is near.

    Upper and lower case and the separators ``-`` and ``_`` count as equal.
    """
    folded = {_fold(candidate): candidate for candidate in sorted(known, reverse=True)}
    matches = difflib.get_close_matches(_fold(word), list(folded), n=1, cutoff=0.7)
    return folded[matches[0]] if matches else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the sentence that names the nearest known word or, when none is near, all of them.

    :return: ``did you mean "x"?`` or ``known are a, b, c``; empty when nothing is known.
    """
    candidates = sorted(set(known))
    match = closest(word, candidates)
    if match:
        return f'did you mean "{match}"?'
    return f"known are {', '.join(candidates)}" if candidates else ""


def _fold(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
