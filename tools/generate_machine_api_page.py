# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/reference/machine-api.md from the lab's table of methods.

PYTHONPATH=.collections tools/run python tools/generate_machine_api_page.py > docs/reference/machine-api.md
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.homelab.talos.lab.machined import authorization
from ansible_collections.homelab.talos.lab.machined.methods import METHODS, Method

INTRODUCTION = """\
# The machine API of lab nodes

<!-- Written by tools/generate_machine_api_page.py from lab/machined/methods.py. Do not edit. -->

A node of the lab serves the machine API of Talos on port 50000. This page lists every method and where its answer
comes from:

| answer | means |
|---|---|
| real | a real program of the node, or the kernel, answers |
| emulated | the lab does what Talos does |
| refused | the call ends with `Unimplemented` and the reason |

A refused method of a service that the node's Talos version does not have yet ends with Talos' own
`unknown service`. *Roles* are those that may call the method; everybody else gets `PermissionDenied`, "not
authorized". In maintenance mode everybody is a reader, and the marked methods (*) are open, too.
"""

HEAD = "| method | roles | answer | |\n|---|---|---|---|"


def page(methods: Mapping[str, Method] = METHODS) -> str:
    """Return the text of the page."""
    services: dict[str, list[str]] = {}
    for path, method in sorted(methods.items()):
        _empty, service, name = path.split("/")
        services.setdefault(service, []).append(_row(path, name, method))
    parts = [INTRODUCTION]
    for service in sorted(services, key=lambda name: (name != "machine.MachineService", name)):
        parts.append(
            f"## {service}\n\n| method | roles | answer | |\n|---|---|---|---|\n" + "\n".join(services[service])
        )
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _row(path: str, name: str, method: Method) -> str:
    roles = sorted(role for role in authorization.ROLES if authorization.allowed(path, frozenset({role}), False))
    words = ", ".join(f"`{role}`" for role in roles)
    if path in authorization.MAINTENANCE_ONLY:
        words += " *"
    return f"| {name} | {words} | {method.answer} | {method.note} |"


if __name__ == "__main__":
    print(page(), end="")
