# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real talosctl, unmodified: the one on PATH when it is of the pinned release, else built from Go modules.

``python -m ansible_collections.homelab.talos.tests.support.talosctl ARGUMENTS...`` runs it (``tools/talosctl``).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import lock, toolchain
from ansible_collections.homelab.talos.lab.engine.ensure import cache_directory, exclusive, print_progress
from ansible_collections.homelab.talos.lab.errors import LabError

MODULES = Path(__file__).parents[1] / "interop/talosctl"
PACKAGE = "github.com/siderolabs/talos/cmd/talosctl"
OPTIONS = ("-ldflags", "-s -w")

#: What came of a command.
Answer = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Talosctl:
    """A talosctl: where it is, its version (``v1.13.9``), where it came from, and the seconds it took to get."""

    path: Path
    version: str
    source: str
    seconds: float

    def run(
        self,
        *arguments: str,
        talosconfig: Path | str | None = None,
        limit: float = 120,
        endless: bool = False,
        directory: Path | None = None,
    ) -> Answer:
        """Run a command and return what came of it.

        *talosconfig* is the client configuration; without one there is none. *limit* in seconds; a command that is
        *endless* is stopped then, and has succeeded. Raises ``subprocess.TimeoutExpired`` for any other.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TALOS")}
        command = [str(self.path), *arguments]
        with subprocess.Popen(
            command,
            env={**environment, "TALOSCONFIG": str(talosconfig or "/nonexistent/talosconfig"), "NO_COLOR": "1"},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                process.kill()
                if not endless:
                    raise
                output, errors = process.communicate()
                return subprocess.CompletedProcess(command, 0, output, errors)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)


def pinned(path: Path = MODULES / "go.mod") -> tuple[str, tuple[int, ...]]:
    """Return the version of Talos that *path* pins, and the version of Go that it asks for."""
    text = path.read_text(encoding="utf-8")
    talos = re.search(r"^\tgithub\.com/siderolabs/talos (v\S+)", text, re.MULTILINE)
    go = re.search(r"^go (\S+)$", text, re.MULTILINE)
    if not talos or not go:
        raise ValueError(f"{path} pins no github.com/siderolabs/talos, or names no version of Go")
    return talos[1], tuple(int(part) for part in go[1].split("."))


def version_of(program: Path) -> str:
    """Return the version that a talosctl tells, empty when it tells none."""
    try:
        done = subprocess.run(
            [str(program), "version", "--client", "--short"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\bv\d+\.\d+\.\d+\S*", done.stdout)
    return found[0] if found else ""


def ensure_talosctl(progress: Callable[[str], None], environ: Mapping[str, str] | None = None) -> Talosctl:
    """Return a talosctl of the pinned minor release; builds the pinned one when PATH and cache have none.

    Raises :class:`LabError` when it cannot be built.
    """
    environ = os.environ if environ is None else environ
    wanted, demanded_go = pinned()
    minor = wanted.rpartition(".")[0] + "."
    on_path = shutil.which("talosctl", path=environ.get("PATH", ""))
    if on_path and Path(on_path).parent != Path(__file__).parents[2] / "tools":
        version = version_of(Path(on_path))
        if version.startswith(minor):
            return Talosctl(Path(on_path), version, "PATH", 0.0)
        progress(f"talosctl: {on_path} is {version or 'of unknown version'}, not {minor}x: not used")
    cache = cache_directory(environ)
    binary = cache / "talosctl" / digest() / "talosctl"
    binary.parent.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    with exclusive(binary.parent / ".lock"):
        if not binary.exists():
            report = _prefixed(progress)
            go = toolchain.ensure_go(cache, report, demanded_go)
            seconds = toolchain.build(f"talosctl {wanted}", go, MODULES, PACKAGE, binary, OPTIONS, report, environ)
    return Talosctl(binary, wanted, "pinned Go modules", seconds)


def _prefixed(progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda line: progress(line if line.startswith("engine:") else f"talosctl: {line}")


def digest() -> str:
    """Return a digest over everything that decides the program: pins, checksums, options, architecture."""
    content = hashlib.sha256(repr((lock.go_architecture(), PACKAGE, OPTIONS)).encode())
    for name in ("go.mod", "go.sum"):
        content.update((MODULES / name).read_bytes())
    return content.hexdigest()[:16]


def main(arguments: Sequence[str]) -> int:
    """Become talosctl with these arguments; ``--ensure`` alone only gets the program and prints where it is.

    Returns the exit status when it could not be got, or was only got.
    """
    try:
        program = ensure_talosctl(print_progress)
    except LabError as error:
        sys.stderr.write(f"talosctl: {error}\n")
        return 1
    if list(arguments) == ["--ensure"]:
        sys.stdout.write(f"{program.path} {program.version} ({program.source}, {program.seconds:.0f} s)\n")
        return 0
    return os.execv(program.path, ["talosctl", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
