# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container engine that runs Talos' imager, and the tools that CozyStack's recipe needs.

The recipe calls a program named ``docker``. It gets one: a small script in front of the engine that lets nothing but
``run`` pass, because what make executes was written by others. The engine sees no credentials of the user.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.program_call import call, complaint

ENGINES = ("docker", "podman")
# What the recipe and the checkout use, besides the engine.
TOOLS = ("awk", "bash", "cat", "git", "gzip", "make", "mkdir", "tar")
# Older ones know no .SHELLFLAGS, so a failing imager would go unnoticed.
OLDEST_MAKE = (3, 82)
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)+\S*")
_ANSWER_SECONDS = 30.0

_SCRIPT = """\
#!/bin/sh
# In front of the container engine: the recipe of an image needs nothing but "run".
if [ "$1" != run ]; then
    echo "docker $1: refused, the build of an image needs nothing but run" >&2
    exit 64
fi
shift
{exports}
exec {program} run {options} "$@"
"""


@dataclass(frozen=True)
class Engine:
    """A container engine that answers.

    :param name: ``docker`` or ``podman``.
    :param program: absolute path.
    :param version: as it says itself.
    :param environment: what it needs to find its daemon or its storage.
    """

    name: str
    program: str
    version: str
    environment: Mapping[str, str]

    def write_script(self, directory: Path, options: Iterable[str]) -> None:
        """Write the program ``docker`` that the recipe will find.

        :param options: further options of ``run``, such as a mount with certificates of a mirror.
        """
        directory.mkdir(parents=True)
        exports = "\n".join(f"export {key}={shlex.quote(value)}" for key, value in sorted(self.environment.items()))
        text = _SCRIPT.format(exports=exports, program=shlex.quote(self.program), options=shlex.join(options))
        script = directory / "docker"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)


def missing_tools(engine: str = "") -> list[str]:
    """Return everything that is missing for a build, engine included, one phrase each.

    :param engine: ``docker``, ``podman``, a path, or empty for whichever is there.
    """
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if not any(shutil.which(candidate) for candidate in _candidates(engine)):
        missing.append(engine or " or ".join(ENGINES))
    if "make" not in missing:
        version = _make_version()
        if version < OLDEST_MAKE:
            missing.append(f"GNU make {OLDEST_MAKE[0]}.{OLDEST_MAKE[1]} or newer")
    return missing


def require_tools(engine: str = "") -> None:
    """Refuse to begin without the tools.

    :raises BuildError: names all that are missing.
    """
    missing = missing_tools(engine)
    if missing:
        raise BuildError("", f"missing on this machine: {', '.join(missing)}", "install them")


def find_engine(wanted: str = "", scratch: str = "") -> Engine:
    """Return the engine that is asked for, or the first one that answers.

    :param wanted: ``docker``, ``podman``, a path, or empty.
    :param scratch: an empty directory that takes the place of the user's configuration.
    :raises BuildError: none answers; says what it said.
    """
    said = []
    for candidate in _candidates(wanted):
        program = shutil.which(candidate)
        if program is None:
            continue
        name = "podman" if "podman" in Path(program).name else "docker"
        version, problem = _ask(program, name)
        if version:
            return Engine(name, os.path.abspath(program), version, _environment(program, name, scratch))
        said.append(f"{candidate}: {problem}")
    raise BuildError(
        "container engine",
        f"does not run ({'; '.join(said) or 'none found'})",
        "start its service, or name another engine",
    )


def tool_versions() -> dict[str, str]:
    """Return the versions of the tools that take part in a build, as they say themselves."""
    return {tool: _tool_version(tool) for tool in ("git", "make", "tar")}


def _candidates(wanted: str) -> tuple[str, ...]:
    return (wanted,) if wanted else ENGINES


def _ask(program: str, name: str) -> tuple[str, str]:
    """Return ``(version, "")``, or an empty version and why there is none."""
    form = "{{.Client.Version}}" if name == "podman" else "{{.Server.Version}}"
    try:
        done = call([program, "version", "--format", form], _ANSWER_SECONDS)
    except OSError as error:
        return "", error.strerror or "cannot be started"
    except subprocess.TimeoutExpired:
        return "", f"no answer within {_ANSWER_SECONDS:g} s"
    if done.returncode == 0 and done.stdout.strip():
        return done.stdout.strip().splitlines()[-1], ""
    return "", complaint(done)


def _environment(program: str, name: str, scratch: str) -> dict[str, str]:
    """Return what the engine needs: docker its daemon, which a context of the user may name; podman its storage."""
    if name == "podman":
        return {key: os.environ[key] for key in ("HOME", "XDG_RUNTIME_DIR", "CONTAINER_HOST") if key in os.environ}
    host = os.environ.get("DOCKER_HOST", "") or _context_host(program)
    return {**({"DOCKER_HOST": host} if host else {}), "DOCKER_CONFIG": scratch or os.devnull}


def _context_host(program: str) -> str:
    try:
        done = call([program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], _ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _make_version() -> tuple[int, ...]:
    match = re.match(r"([0-9]+)\.([0-9]+)", _tool_version("make"))
    return (int(match[1]), int(match[2])) if match else (0,)


def _tool_version(tool: str) -> str:
    try:
        done = call([tool, "--version"], _ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.splitlines()
    if tool == "make" and not (lines and lines[0].startswith("GNU Make")):
        return ""
    match = _VERSION.search(lines[0]) if lines else None
    return match[0] if match else ""
