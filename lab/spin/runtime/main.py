# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI runtime of the handler ``spin``: prepares the bundle of a container to be created, then becomes runc."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ansible_collections.homelab.talos.lab.spin.runtime import bundle
from ansible_collections.homelab.talos.lab.spin.runtime.content import ContentError, image_of


def option(arguments: Sequence[str], name: str) -> str:
    """Return the value of ``--name VALUE`` or ``--name=VALUE``, empty when it is not given."""
    for index, argument in enumerate(arguments):
        if argument == f"--{name}":
            return arguments[index + 1]
        if argument.startswith(f"--{name}="):
            return argument.partition("=")[2]
    return ""


def start() -> int:
    """Run with the arguments of the process; returns only when the container cannot be prepared."""
    arguments = sys.argv[1:]
    directory = Path(option(arguments, "bundle") or ".")
    try:
        if bundle.is_app(json.loads((directory / "config.json").read_text(encoding="utf-8"))):
            # The last argument names the container.
            bundle.prepare(directory, arguments[-1], *image_of(arguments[-1]))
    except (ContentError, OSError, ValueError) as error:
        _report(option(arguments, "log"), f"spin: {error}")
        return 1
    return _become_runc(arguments)


def _become_runc(arguments: Sequence[str]) -> NoReturn:
    os.environ.pop("LD_LIBRARY_PATH", None)
    os.execvp("runc", ["runc", *arguments])


def _report(log: str, text: str) -> None:
    """Tell what is wrong where the shim reads it, in runc's form."""
    entry = json.dumps({"level": "error", "msg": text, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    sys.stderr.write(f"{text}\n")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{entry}\n")
