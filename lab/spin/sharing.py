# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node sees of this machine, so that its containers can run the Spin host."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from ansible_collections.homelab.talos.lab.engine.ensure import cache_directory
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.spin import places
from ansible_collections.homelab.talos.lab.spin.code_version import code_version


def shared_directories() -> dict[str, Path]:
    """Return place below a node's /opt -> directory of this machine; the last holds compiled code and is written to.

    Raises :class:`LabError` when the engine of WebAssembly is missing.
    """
    wasmtime = find_spec("wasmtime")
    if wasmtime is None or wasmtime.origin is None:
        raise LabError("the Python package wasmtime is missing", "install what requirements.txt names")
    code = cache_directory() / "spin-code" / code_version()
    code.mkdir(parents=True, exist_ok=True)
    return {
        "spin/python": Path(sys.base_prefix),
        "spin/packages/wasmtime": Path(wasmtime.origin).parent,
        f"spin/packages/{places.OWN_PACKAGE}": Path(__file__).resolve().parent,
        "spin/code": code,
    }
