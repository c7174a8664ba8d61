# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the distribution together with the shared libraries they load."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ansible_collections.homelab.talos.lab.errors import LabError

#: Where programs of an administrator are, beside those on PATH.
ADMINISTRATION = ("/usr/sbin", "/sbin", "/usr/local/sbin")
_LOADED = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)$")


def find_program(name: str) -> Path | None:
    """Return the path of a program of this machine, None when it is not installed."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *ADMINISTRATION]))
    return Path(found) if found else None


def with_libraries(name: str, inside: str) -> dict[str, Path]:
    """Return path in an image -> file of this machine, for a program and all it loads.

    Parameters: *name* of the program; *inside* its path in the image. The libraries and the loader keep their
    paths. Raises :class:`LabError` when the program or one of its libraries is missing.
    """
    program = find_program(name)
    if program is None:
        raise LabError(f"program {name} is missing on this machine", "install its package")
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False, timeout=30)
    missing = re.findall(r"^\s*(\S+) => not found$", listed.stdout, re.MULTILINE)
    if listed.returncode != 0 or missing:
        cause = f"lacks {', '.join(missing)}" if missing else f"cannot be read: {listed.stderr.strip()}"
        raise LabError(f"program {program} {cause}", f"install the package of {name} again")
    loaded = (_LOADED.search(line.strip()) for line in listed.stdout.splitlines())
    return {inside: program, **{found.group(1): Path(found.group(1)) for found in loaded if found}}
