# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which handler a component exports, and whether the runtime of a cluster can call it.

Runtimes of clusters (containerd-shim-spin) carry Spin 3, which speaks WASI 0.2. A component made with an SDK for Spin 4
exports the handler of WASI 0.3 and is refused there when it is started; it is better to say so when it is packed.

Source: spinframework/spin:crates/http/src/trigger.rs,
spinframework/containerd-shim-spin:containerd-shim-spin/Cargo.toml
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import HTTP, REDIS, Trigger
from ansible_collections.homelab.talos.plugins.module_utils.spin.wasm import WasmFile

# Triggers of the shim.
SHIM_TRIGGERS = (HTTP, REDIS, "sqs", "mqtt", "command")

_INCOMING = "wasi:http/incoming-handler@0.2."
_SPIN_INBOUND = "fermyon:spin/inbound-http"
_SPIN_REDIS = "fermyon:spin/inbound-redis"
_NEXT = "wasi:http/handler@0.3."
_START = "_start"


def handler_of(file: WasmFile) -> str:
    """Return the kind of handler for HTTP that is exported, by its name without a minor version.

    :return: ``wasi:http/incoming-handler@0.2``, ``fermyon:spin/inbound-http``, ``wasi:http/handler@0.3``, or nothing.
    """
    # A core module of an SDK names the function behind a #.
    names = [export.partition("#")[0] for export in file.exports]
    for start in (_INCOMING, _SPIN_INBOUND, _NEXT):
        if any(name.startswith(start) for name in names):
            return start.rstrip(".")
    return ""


def check_handler(trigger: Trigger, where: str, file: WasmFile) -> None:
    """Refuse a component that the runtime of a cluster cannot call by this trigger.

    :param where: the file, for errors.
    :raises ContentInvalid: it cannot.
    """
    if trigger.type not in SHIM_TRIGGERS:
        raise ContentInvalid(
            where,
            f"is called by a trigger of type {trigger.type!r}, which runtimes of clusters do not have",
            f"choose from {', '.join(SHIM_TRIGGERS)}",
        )
    if trigger.type == HTTP and trigger.executor == "wagi":
        _check_wagi(where, file)
    elif trigger.type == HTTP:
        _check_http(where, file)
    elif trigger.type == REDIS and not any(name.startswith(_SPIN_REDIS) for name in file.exports):
        raise ContentInvalid(where, f"exports no {_SPIN_REDIS}", "build it with the SDK's handler for Redis")


def _check_wagi(where: str, file: WasmFile) -> None:
    if file.is_component or _START not in file.exports:
        kind = "is a component" if file.is_component else f"exports no {_START}"
        raise ContentInvalid(where, f"{kind}, and its executor is wagi", "build it as a command for WASI preview 1")


def _check_http(where: str, file: WasmFile) -> None:
    handler = handler_of(file)
    if handler == _NEXT.rstrip("."):
        raise ContentInvalid(
            where,
            "exports wasi:http/handler@0.3, which needs Spin 4; runtimes of clusters carry Spin 3",
            "build it with an SDK of line 3 (WASI 0.2)",
        )
    if not handler:
        kind = "component" if file.is_component else "core module"
        exported = ", ".join(file.exports[:5]) or "nothing"
        raise ContentInvalid(
            where,
            f"is a {kind} without a handler for HTTP (it exports {exported})",
            "export wasi:http/incoming-handler@0.2, or use the executor wagi for a command",
        )
