# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What compiled code of WebAssembly depends on beside its source."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from pathlib import Path

#: Changes with the settings of the engine (host/engine.py).
_SETTINGS = 1


def code_version() -> str:
    """Return the version of wasmtime, the processor and the settings as a word for file names."""
    flags = hashlib.sha256(_processor_flags()).hexdigest()[:8]
    return f"wasmtime-{metadata.version('wasmtime')}-{platform.machine()}-{flags}-{_SETTINGS}"


def _processor_flags() -> bytes:
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        return b""
    return next((line for line in lines if line.startswith((b"flags", b"Features"))), b"")
