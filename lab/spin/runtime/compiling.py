# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of WebAssembly, compiled once for all nodes and labs of this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from ansible_collections.homelab.talos.lab.spin.runtime.artifact import ArtifactError, Wasm


def compiled(wasm: Wasm, directory: Path) -> Path:
    """Return the file with the compiled code of *wasm* in *directory*, made now when it is not there.

    Raises :class:`ArtifactError` for what is not valid.
    """
    target = directory / f"{hashlib.sha256(wasm.content).hexdigest()}.cwasm"
    if target.exists():
        return target
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            partial.write_bytes(_compile(wasm))
            partial.replace(target)
    return target


def _compile(wasm: Wasm) -> bytes:
    # Loaded only here: what is compiled already needs no engine.
    import wasmtime
    from wasmtime.component import Component

    from ansible_collections.homelab.talos.lab.spin.host.engine import new_engine

    make = Component if wasm.kind == "component" else wasmtime.Module
    try:
        return bytes(make(new_engine(), wasm.content).serialize())
    except wasmtime.WasmtimeError as error:
        raise ArtifactError(f"it is not valid WebAssembly: {str(error).splitlines()[0]}") from None
