# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record of writes proves: pure functions over what was seen from outside while something was broken.

A write is a mapping with ``name``, ``begin`` and ``end`` (seconds since 1970), ``status`` (HTTP; 0 without an answer)
and ``text``. It is acknowledged when the API answered 201.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CREATED = 201
Write = Mapping[str, Any]


def acknowledged(writes: Iterable[Write], begin: float = 0.0, end: float = float("inf")) -> list[Write]:
    """Return the acknowledged writes that began and ended within a time."""
    return [each for each in writes if each["status"] == CREATED and begin <= each["begin"] and each["end"] <= end]


def refused(writes: Iterable[Write], begin: float, end: float) -> list[Write]:
    """Return the writes within a time that an API server answered with an error."""
    within = [each for each in writes if begin <= each["begin"] and each["end"] <= end]
    return [each for each in within if each["status"] not in (0, CREATED)]


def lost(writes: Iterable[Write], present: Iterable[str]) -> set[str]:
    """Return the names of acknowledged writes that are not there."""
    return {each["name"] for each in acknowledged(writes)} - set(present)


def invented(writes: Iterable[Write], present: Iterable[str]) -> set[str]:
    """Return the names that are there and were never written."""
    return set(present) - {each["name"] for each in writes}


def silence(writes: Sequence[Write], begin: float, end: float) -> float:
    """Return the longest time between *begin* and *end* in which nothing was acknowledged, in seconds.

    What began before proves nothing about the time after it.
    """
    ends = sorted(each["end"] for each in acknowledged(writes, begin, end))
    return max(after - before for before, after in itertools.pairwise([begin, *ends, end]))
