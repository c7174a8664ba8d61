# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All functions that the host provides to components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host import spin_imports, wasi_files, wasi_http, wasi_io, wasi_system

_INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    **wasi_io.INTERFACES,
    **wasi_system.INTERFACES,
    **wasi_files.INTERFACES,
    **wasi_http.INTERFACES,
    **spin_imports.INTERFACES,
}


def functions_of(interface: str) -> Mapping[str, Callable[..., Any]] | None:
    """Return the functions of an interface such as ``wasi:io/streams@0.2.3``, None when it is not provided.

    Every patch level of WASI 0.2 is the same interface with more or fewer functions; other versions count as a whole.
    """
    name, _at, version = interface.partition("@")
    if interface in _INTERFACES:
        return _INTERFACES[interface]
    return _INTERFACES.get(f"{name}@0.2") if version.startswith("0.2.") and "-" not in version else None
