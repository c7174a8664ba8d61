# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as its faults see it."""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab import control, lifecycle
from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.host import links
from ansible_collections.homelab.talos.lab.host.processes import first_process, node_processes, wait_until
from ansible_collections.homelab.talos.lab.host.record import LabRecord, read_record
from ansible_collections.homelab.talos.lab.machined.partitions import Partitions

_SWITCH_LIMIT_SECONDS = 60.0


class TargetLab:
    """One lab: *record* is what the host's record says about it."""

    def __init__(self, record: LabRecord) -> None:
        self.record = record
        self.description = lifecycle.describe(record)

    @property
    def router(self) -> str:
        """Name of the router's namespace."""
        return links.router_namespace(self.record.name)

    @property
    def nodes(self) -> list[str]:
        """Names of all nodes."""
        return [node.name for node in self.description.nodes]

    def partitions_of(self, node: str) -> Partitions:
        """Return what a node keeps while it is off."""
        return Partitions(self.record.state_directory / node)

    def port_of(self, node: str) -> str:
        """Return the name of the bridge's end of a node's wire."""
        return links.port_name(self.description.node(node).address)

    def has_power(self, node: str) -> bool:
        """Tell whether a node is on."""
        return first_process(self.record.namespace_of(node)) != 0

    def processes_of(self, node: str, program: str) -> list[int]:
        """Return the process ids, on the host, of a program that runs on a node as a service of Talos."""
        found = node_processes(self.record.namespace_of(node))
        return [pid for pid, name in found.items() if name == program]

    def status_of(self, node: str) -> dict[str, Any]:
        """Return what the supervisor says about a node; raises :class:`LabError` when it does not answer."""
        nodes: list[dict[str, Any]] = self._ask({"command": "status"})["nodes"]
        return next(each for each in nodes if each["name"] == node)

    def switch(self, command: str, node: str) -> None:
        """Let the supervisor use a node's power switch (``start``, ``power-off``) or ``reboot`` it in order."""
        self._ask({"command": command, "node": node})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        # Read anew: lifting another fault may have given the lab a new supervisor.
        current = read_record().labs.get(self.record.name)
        if current is None or not current.is_alive():
            cause = f"lab {self.record.name}: its supervisor does not run"
            raise LabError(cause, f"start it again: tools/lab recover {self.record.name}")
        return control.ask(self.record.run_directory, request, _SWITCH_LIMIT_SECONDS)

    def wait_for_reboot(self, node: str, boot_id: str) -> None:
        """Wait until a node has power and another boot id than *boot_id*."""

        def rebooted() -> bool:
            status = self.status_of(node)
            return status["powered"] and status["boot_id"] not in ("", boot_id)

        wait_until(rebooted, f"node {node} to boot again", _SWITCH_LIMIT_SECONDS)
