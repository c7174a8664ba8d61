# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calling a target of CozyStack's Makefile.

What make evaluates was written by others, so it runs with an environment of a handful of variables, an empty home and
no credentials; the variables on its command line keep it from running git, docker or jq while it parses.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible_collections.homelab.talos.plugins.module_utils.cozystack.build_error import BuildError
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.layout import MAKE_VARIABLES
from ansible_collections.homelab.talos.plugins.module_utils.cozystack.logged_run import last_lines, run_logged


def make_command(tree: Path, core: str, target: str, variables: Mapping[str, str]) -> list[str]:
    """Return the command line for a target.

    ``Makefile`` is named because make would prefer a ``GNUmakefile``.

    :param variables: those that differ from ``MAKE_VARIABLES``.
    """
    bash = shutil.which("bash") or MAKE_VARIABLES["SHELL"]
    merged = {**MAKE_VARIABLES, "SHELL": bash, **variables}
    words = [f"{name}={value}" for name, value in merged.items()]
    return ["make", "-C", str(tree / core), "-f", "Makefile", target, *words]


def make_environment(programs: Path, home: Path) -> dict[str, str]:
    """Return the whole environment of make and everything it starts.

    :param programs: directory that comes first in PATH.
    :param home: an empty directory.
    """
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "",
    }


def run_make(command: Sequence[str], environment: Mapping[str, str], log: Path, limit: float, what: str) -> float:
    """Run make, its output appended to a log; return the seconds it took.

    :param limit: in seconds; then the whole process group is ended.
    :param what: what is being built, for errors.
    :raises BuildError: it failed or took too long; the last lines of its output are in the message.
    """
    begin = time.monotonic()
    with log.open("ab") as stream:
        start = stream.tell()
        status = run_logged(command, environment, stream, limit)
    if status == 0:
        return time.monotonic() - begin
    cause = f"took more than {limit:g} s" if status is None else f"failed with exit status {status}"
    lines = last_lines(log, start)
    remedy = f"see {log}"
    if any("No space left on device" in line for line in lines):
        remedy = f"the disk is full: free space below {log.parent}, or name another output"
    said = " | ".join(lines) or "it printed nothing"
    raise BuildError(what, f"make {cause}: {said}", remedy)
