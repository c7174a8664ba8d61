# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spans of time as programs written in Go print them.

Source: golang/go:src/time/time.go (Duration.String).
"""

from __future__ import annotations


def go_duration(seconds: float) -> str:
    """Return a span in seconds as Go prints it, to the microsecond: ``1m0s``, ``1.5s``, ``12.25ms``, ``80µs``."""
    microseconds = round(seconds * 1_000_000)
    if 0 < microseconds < 1000:
        return f"{microseconds}µs"
    if 0 < microseconds < 1_000_000:
        return f"{_number(microseconds / 1000)}ms"
    hours, rest = divmod(microseconds, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    text = f"{_number(rest / 1_000_000)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
