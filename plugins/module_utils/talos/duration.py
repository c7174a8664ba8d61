# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long: durations as operators of Talos write them (``90s``, ``24h``, ``1d``)."""

from __future__ import annotations

import datetime
import re

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


class DurationError(Exception):
    """A text is no duration; the message is one line."""


def parse_duration(text: str) -> datetime.timedelta:
    """Return the duration of a text such as ``24h``, ``1d`` or ``1h30m``.

    :raises DurationError: it is not one, or it is zero.
    """
    compact = text.strip()
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise DurationError(f"{text!r} is no duration; write a number with s, m, h or d, such as 24h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise DurationError(f"{text!r} is no positive duration; write for example 24h")
    return datetime.timedelta(seconds=seconds)
