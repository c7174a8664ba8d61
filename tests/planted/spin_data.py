# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spin apps as they are seen where everything works, for the nodes of a scenario."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.homelab.talos.tests.testinfra.expected import Expected

_SANDBOX = 'rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "{}" is configured'
_REFUSED = '403 {"message":"pods \\"verify\\" is forbidden: pod rejected: RuntimeClass \\"no-such-class\\" not found"}'
_MESSAGES = {
    "native": "component one: layer sha256:0a is a native program (ELF), not WebAssembly: build for wasm32",
    "lacking": "component one: it imports what the host does not provide: test:unknown/thing@1.0.0; build it",
    "bare": "image apps.lab.test/bare@sha256:0b is no Spin app: it has other layers",
    "unset": "variable password has no value: set SPIN_VARIABLE_PASSWORD in the environment of the container",
}


def spin_seen(expected: Expected) -> dict[str, Any]:
    """Return what tests/testinfra/spin_seen.py would return."""
    able = [name for name, each in expected.nodes.items() if "spin" in expected.extensions[each.role]]
    workers = [name for name in able if expected.nodes[name].machine_type == "worker"] or able
    sources = [f"{kind} {name}" for name in expected.nodes for kind in ("node", "pod on")]
    return {
        "handlers": {name: name in able for name in expected.nodes},
        "places": {"nonce": [workers[0], workers[-1]], "visits": [workers[0]], "fault": [workers[-1]]},
        "nonces": {source: dict.fromkeys(("address", "name"), _digest(source.replace(" ", "-"))) for source in sources},
        "node_ports": {name: [200, _digest(name)] for name in expected.nodes},
        "api": [200, _digest("api")],
        "trap": {
            "status": 500,
            "after": [200, "ok\n"],
            "log": "component fault: GET /trap: wasm trap: wasm `unreachable` instruction executed\n",
            "restarts": [0, 0],
        },
        "leak": [200, "took 239 pages\n"],
        "no_class": _REFUSED,
        "wrong_handler": _SANDBOX.format("spinn"),
        "no_extension": _SANDBOX.format("spin"),
        "ended": {name: _ended(message) for name, message in _MESSAGES.items()},
        "burn": {
            "beside": [[200, _digest(str(number))] for number in range(20)],
            "during": True,
            "status": 500,
            "log": "component fault: GET /burn: it was stopped: the request lasted longer than 30 s\n",
        },
        "counts": {
            "restart": {"before": 3, "after": 4},
            "move": {"before": 5, "after": 6, "places": [workers[0], workers[-1]]},
            "power": {"before": 7, "after": 8},
        },
    }


def _digest(text: str) -> str:
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n"


def _ended(message: str) -> dict[str, Any]:
    return {"reason": "CrashLoopBackOff", "code": 1, "message": message, "log": f"Error: {message}\n"}
