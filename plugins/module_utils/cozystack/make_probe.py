# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask make itself what it would run, in a copy of the few files that the build reads, and compare.

Make evaluates what upstream wrote, so it is given a throw-away directory with those files alone, an empty home, no
credentials, a search path of stand-ins that fail for everything that could leave the machine, and a limit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.errors import UpstreamError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.git_objects import Repository
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import (
    MAKE_VARIABLES,
    RECIPES,
    Layout,
    known_recipe,
)
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.program_call import call, complaint
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.verdict import Observation

LIMIT_SECONDS = 20.0
# Programs that must not be called while make only prints; each is replaced by one that writes its name down and fails.
TRAPPED = ("git", "docker", "podman", "kubectl", "skopeo", "crane", "curl", "wget", "jq", "yq", "helm")
# What parsing needs.
_ALLOWED = ("awk", "uname", "sh", "bash", "cat", "echo")
_TRAP = "#!/bin/sh\necho \"{name} $*\" >> '{log}'\nexit 97\n"


@dataclass(frozen=True)
class Probe:
    """What make would run for one target: normalised lines, or the error, and the programs that were called."""

    target: str
    recipe: tuple[str, ...]
    error: str
    called: tuple[str, ...]


def probe(repository: Repository, layout: Layout, kinds: tuple[str, ...] = ()) -> Iterator[Observation]:
    """Yield one observation per target: what make prints is the known recipe, and nothing else ran.

    :raises UpstreamError: there is no GNU make, or it does not end within the limit.
    """
    path = layout.makefile_file.path
    with tempfile.TemporaryDirectory(prefix="homelab-talos-probe-") as name:
        directory = Path(name)
        _write_files(repository, layout, directory / "tree")
        for kind, target in layout.targets.items():
            if kinds and kind not in kinds:
                continue
            rule = layout.makefile.rule(target)
            line = rule.line if rule else 0
            seen = _run(layout, target, directory)
            expected = _expected(layout, target)
            if seen.called:
                note = "it ran while make parsed"
                yield Observation("unknown", path, line, "no program but awk and uname", "; ".join(seen.called), note)
            if seen.error:
                yield Observation("unsupported", path, line, f"make -n {target}", seen.error)
            elif seen.recipe != expected:
                found = next((part for part in seen.recipe if part not in expected), "another order")
                wanted = next((part for part in expected if part not in seen.recipe), expected[-1] if expected else "")
                yield Observation("unknown", path, line, wanted or "a known recipe", f"{target}: {found}")
            else:
                yield Observation("ok", path, line, f"make -n {target}", "the known recipe")


def _expected(layout: Layout, target: str) -> tuple[str, ...]:
    if layout.invocation not in RECIPES:
        return ()
    lines = known_recipe(layout.invocation, layout.prefix)
    values = {
        f"$(subst {layout.prefix},,$@)": target.removeprefix(layout.prefix),
        "$(TALOS_VERSION)": layout.talos_version,
        "$$": "$",
    }
    for name, value in values.items():
        lines = tuple(line.replace(name, value) for line in lines)
    return lines


def _write_files(repository: Repository, layout: Layout, root: Path) -> None:
    for path in layout.files:
        file = repository.file(layout.commit, path)
        if file is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(file.text, encoding="utf-8")


def _run(layout: Layout, target: str, directory: Path) -> Probe:
    make = shutil.which("make")
    if make is None:
        raise UpstreamError(repository_name(layout), "there is no program make", "install GNU make, or do not probe")
    log, programs, home = directory / "called", directory / "programs", directory / "home"
    _prepare(programs, log)
    home.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    variables = [f"{name}={value}" for name, value in MAKE_VARIABLES.items()]
    command = [make, "-n", "--no-print-directory", "-C", str(directory / "tree" / layout.core), target, *variables]
    try:
        result = call(command, LIMIT_SECONDS, _environment(programs, home))
    except subprocess.TimeoutExpired as error:
        cause = f"make -n {target} took more than {LIMIT_SECONDS:.0f} s"
        raise UpstreamError(repository_name(layout), cause, "look at that Makefile by hand") from error
    called = tuple(log.read_text(errors="replace").splitlines()) if log.exists() else ()
    problem = complaint(result) if result.returncode != 0 else ""
    return Probe(target, _normalised(result.stdout), problem, called)


def repository_name(layout: Layout) -> str:
    """Return how the layout is named in messages."""
    return f"CozyStack {layout.ref}"


def _environment(programs: Path, home: Path) -> Mapping[str, str]:
    return {"PATH": str(programs), "HOME": str(home), "LC_ALL": "C", "TMPDIR": str(home)}


def _prepare(programs: Path, log: Path) -> None:
    if programs.exists():
        return
    programs.mkdir()
    for name in TRAPPED:
        trap = programs / name
        trap.write_text(_TRAP.format(name=name, log=log))
        trap.chmod(0o755)
    for name in _ALLOWED:
        found = shutil.which(name)
        if found:
            os.symlink(found, programs / name)


def _normalised(text: str) -> tuple[str, ...]:
    """Return the lines that make printed, continuations joined and blanks made one."""
    joined = text.replace("\\\n", " ")
    return tuple(" ".join(line.split()) for line in joined.splitlines() if line.strip())
