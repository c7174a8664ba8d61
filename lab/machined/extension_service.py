# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of system extensions: the real program where the lab has it, else a stand-in that says so.

Source: siderolabs/talos:internal/app/machined/pkg/system/services/extension.go.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.homelab.talos.lab.machined import conditions
from ansible_collections.homelab.talos.lab.machined.interfaces import ExtensionProgram
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import ServiceDefinition
from ansible_collections.homelab.talos.lab.machined.works import ProgramWork, supervise
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.extensions import services_of

PROGRAMS = {"tailscale": "tailscaled"}
# One process that waits without using the processor and ends on SIGTERM.
_SCRIPT = 'echo "$2"; rm -f "$1" && mkfifo "$1" && read -r _ <> "$1"'


class StandIn:
    """Runs in the place of an extension's program."""

    def __init__(self, node: Node, extension: str) -> None:
        self._node = node
        self._extension = extension
        self.note = f"stand-in: no {PROGRAMS.get(extension, extension)} in this lab"

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def run(self, started: Callable[[str], None]) -> None:
        """Keep the stand-in process running."""
        id = f"ext-{self._extension}"
        name = f"{self._extension}-stand-in"
        argv = ["sh", "-c", _SCRIPT, name, f"/run/{name}", f"{id} [{self.note}]"]
        process = await self._node.runtime.spawn(id, argv)
        started(f"Started task {id} (PID {process.pid}) for container {id} [{self.note}]")
        await supervise(self._node, process, id)


class ExtensionWork(ProgramWork):
    """Keeps the real program of an extension running."""

    def __init__(self, node: Node, id: str, program: ExtensionProgram) -> None:
        super().__init__(node, id, program, as_task=True)
        self._extension = program

    async def run(self, started: Callable[[str], None]) -> None:
        """Run the program; what its container would take with it ends when it does."""
        try:
            await super().run(started)
        finally:
            if self._node.powered:
                await self._extension.ended()


def extension_services(node: Node) -> list[ServiceDefinition]:
    """Return the services that the extensions of the node's image bring."""
    services = services_of(each.name for each in node.description.extensions)
    return [_definition(node, name, configured=each.needs_configuration) for name, each in services.items()]


def _definition(node: Node, name: str, *, configured: bool) -> ServiceDefinition:
    waits = [
        conditions.service_up(node, "containerd"),
        conditions.service_up(node, "cri"),
        conditions.network(node),
    ]
    if configured:
        waits.append(conditions.extension_config(node, name))
    id, program = f"ext-{name}", node.programs.extensions.get(name)
    work = ExtensionWork(node, id, program) if program is not None else StandIn(node, name)
    return ServiceDefinition(id, work, waits, api=frozenset({"start", "stop", "restart"}))
