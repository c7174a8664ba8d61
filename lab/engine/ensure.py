# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting the engine: the real programs the lab runs.

Order: the directory named by ``HOMELAB_TALOS_ENGINE``; the cache; a build from the pinned Go modules.
Nothing else in the lab knows where the programs came from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine import libraries, lock, pod_images, toolchain
from ansible_collections.homelab.talos.lab.errors import LabError

ENVIRONMENT_VARIABLE = "HOMELAB_TALOS_ENGINE"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """A complete engine. *programs* holds the binaries, *images* the image archives, *cni_plugins* the
    CNI reference plugins; *seconds* what each program took to get (0 when it was in the cache)."""

    programs: Path
    images: Path
    cni_plugins: Path
    source: str
    seconds: Mapping[str, float]

    def path(self, program: str) -> Path:
        """Return the path of *program* on this machine."""
        return self.programs / program

    def image_archives(self, *names: str) -> list[Path]:
        """Return the archives of the images called *names* (``pause``, ``kube-apiserver`` ...)."""
        return [self.images / f"{name}.tar" for name in names]


def cache_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for everything that is slow to get (``$XDG_CACHE_HOME/homelab-talos``)."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homelab-talos"


def ensure_engine(
    progress: Progress, environ: Mapping[str, str] | None = None, optional: Collection[str] = ()
) -> Engine:
    """Return a complete engine, building what is missing; *progress* receives a line per program.

    *optional* names those of ``lock.OPTIONAL_PROGRAMS`` that are wanted as well. Raises :class:`LabError` naming what
    is missing and how to get it.
    """
    environ = os.environ if environ is None else environ
    plugins = _distribution_parts()
    chosen = [program for program in lock.OPTIONAL_PROGRAMS if program.name in optional]
    named = environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return _named_engine(Path(named), chosen, plugins, progress, environ)
    root = cache_directory(environ) / "engine" / lock.lock_digest()
    programs = root / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    seconds = {}
    with exclusive(root / ".lock"):
        for program in lock.PROGRAMS:
            seconds[program.name] = _ensure_program(program, programs, progress, environ)
        pod_images.ensure_images(programs, root / "images")
        (root / "engine.json").write_text(
            json.dumps({program.name: program.version for program in lock.PROGRAMS}, indent=1), encoding="utf-8"
        )
        if chosen:
            programs = _with_optional(chosen, programs, seconds, progress, environ)
    return Engine(programs, root / "images", plugins, "pinned Go modules", seconds)


def _with_optional(
    chosen: Sequence[lock.GoProgram],
    programs: Path,
    seconds: dict[str, float],
    progress: Progress,
    environ: Mapping[str, str],
) -> Path:
    """Return a folder with links to all of *programs* and to the *chosen* ones, of which each is cached on its own."""
    cache = cache_directory(environ) / "engine" / "optional"
    together = programs.parent / f"bin-{lock.lock_digest(chosen)}"
    together.mkdir(exist_ok=True)
    for program in chosen:
        folder = cache / f"{program.name}-{lock.lock_digest([program])}"
        folder.mkdir(parents=True, exist_ok=True)
        with exclusive(folder / ".lock"):
            seconds[program.name] = _ensure_program(program, folder, progress, environ)
        _link(folder / program.name, together)
    for program in lock.PROGRAMS:
        _link(programs / program.name, together)
    return together


def _link(source: Path, folder: Path) -> None:
    target = folder / source.name
    if not (target.exists() and target.samefile(source)):
        partial = folder / f".{source.name}.partial"
        partial.unlink(missing_ok=True)
        partial.hardlink_to(source)
        partial.replace(target)


def _named_engine(
    directory: Path, chosen: Sequence[lock.GoProgram], plugins: Path, progress: Progress, environ: Mapping[str, str]
) -> Engine:
    wanted = (*lock.PROGRAMS, *chosen)
    missing = [program.name for program in wanted if not os.access(directory / program.name, os.X_OK)]
    if missing:
        raise LabError(
            f"{directory} (named by {ENVIRONMENT_VARIABLE}) lacks the programs {', '.join(missing)}",
            f"put them there or unset {ENVIRONMENT_VARIABLE} to have the engine built",
        )
    progress(f"engine: using {directory}")
    archives = (
        cache_directory(environ) / "engine" / f"images-{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"
    )
    pod_images.ensure_images(directory, archives)
    return Engine(directory, archives, plugins, str(directory), {})


def _distribution_parts() -> Path:
    """Check the programs that come from the distribution; return the folder of the CNI plugins."""
    packages = {package for name, package in lock.DISTRIBUTION_PROGRAMS.items() if libraries.find_program(name) is None}
    folders = [f for f in lock.CNI_PLUGIN_FOLDERS if all(os.access(f / name, os.X_OK) for name in lock.CNI_PLUGINS)]
    if not folders:
        packages.add(lock.CNI_PACKAGE)
    if packages:
        names = " ".join(sorted(packages))
        raise LabError(f"the lab's engine is incomplete: packages {names} are missing", f"apt-get install {names}")
    return folders[0]


def _ensure_program(program: lock.GoProgram, target: Path, progress: Progress, environ: Mapping[str, str]) -> float:
    binary = target / program.name
    if binary.exists():
        return 0.0
    go = toolchain.ensure_go(cache_directory(environ), progress)
    options = ["-ldflags", program.linker_flags()]
    if program.tags:
        options += ["-tags", " ".join(program.tags)]
    return toolchain.build(
        f"{program.name} {program.version}".strip(),
        go,
        lock.MODULES / program.module,
        program.package,
        binary,
        options,
        lambda line: progress(f"engine: {line}"),
        environ,
    )


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a file lock, so that two runs do not build the same engine side by side."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def print_progress(line: str) -> None:
    """Write a progress line to standard error at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
