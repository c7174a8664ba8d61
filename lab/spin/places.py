# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the parts of the Spin host are in a node and in a container."""

from __future__ import annotations

import sys

ROOT = "/opt/spin"
PYTHON = f"{ROOT}/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
#: A Python that was built with a library of its own finds it here, wherever it was installed.
LIBRARY_PATH = f"LD_LIBRARY_PATH={ROOT}/python/lib"
PACKAGES = f"{ROOT}/packages"
CODE = f"{ROOT}/code"
OWN_PACKAGE = "ansible_collections/homelab/talos/lab/spin"
#: What a container with an app gets to see.
PROGRAM = (f"{ROOT}/python", f"{PACKAGES}/wasmtime", f"{PACKAGES}/{OWN_PACKAGE}")


def python_command(module: str) -> list[str]:
    """Return the command that runs ``start()`` of a module of this package, without any other package."""
    start = (
        f"import sys; sys.path.append({PACKAGES!r}); "
        f"from ansible_collections.homelab.talos.lab.spin.{module} import start; sys.exit(start())"
    )
    return [PYTHON, "-I", "-S", "-B", "-c", start]
