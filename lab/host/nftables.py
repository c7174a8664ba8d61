# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calling nft, on the host or in a network namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

LIMIT_SECONDS = 30


def nft(arguments: Sequence[str], namespace: str = "", rules: str = "") -> subprocess.CompletedProcess[str]:
    """Run nft with *rules* on its standard input and return what came of it; without *namespace* on the host."""
    enter = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
    return subprocess.run(
        [*enter, "nft", *arguments], input=rules, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )


def first_complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first line of what nft said of an error; those after it repeat the rules."""
    return (done.stderr.strip().splitlines() or ["failed"])[0]
