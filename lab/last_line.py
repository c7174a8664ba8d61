# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program that failed said last."""

from __future__ import annotations


def last_line(output: str | bytes, otherwise: str = "no answer") -> str:
    """Return the last line of an output, *otherwise* when it is empty."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    lines = text.strip().splitlines()
    return lines[-1] if lines else otherwise
