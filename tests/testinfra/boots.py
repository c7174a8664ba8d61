# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boots of the nodes of a scenario: measured as an operator would, and what a test does to them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.homelab.talos.plugins.module_utils.talos.api import messages
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import TalosError
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import read_boot_id
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import for_each_node, run
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import load_talosconfig
from ansible_collections.homelab.talos.tests.testinfra.expected import Expected
from ansible_collections.homelab.talos.tests.testinfra.kubernetes_api import wait_until
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle

Result = TypeVar("Result")
MACHINE = "machine.MachineService"
ROOT = Path(__file__).parents[2]
CALL_SECONDS = 30.0
PLAYBOOK_SECONDS = 300.0
NO_REBOOT = 2


class Boots:
    """The nodes of a scenario.

    :param workspace: directory of the cluster's files.
    :param inventory: path of the scenario's inventory.
    """

    def __init__(self, lab: LabHandle, expected: Expected, workspace: Path, inventory: str) -> None:
        self._lab = lab
        self._expected = expected
        self._workspace = workspace
        self._inventory = inventory

    def measure(self, report: Path, wait_seconds: int = 120) -> dict[str, Any]:
        """Run playbooks/timing.yml and return name -> what was measured.

        :raises AssertionError: the playbook failed.
        """
        variables = {"timing_report": str(report), "timing_wait_timeout": wait_seconds}
        self.play("playbooks/timing.yml", variables)
        return {node["name"]: node for node in json.loads(report.read_text(encoding="utf-8"))["nodes"]}

    def play(self, playbook: str, variables: dict[str, Any]) -> str:
        """Run a playbook of the collection against the scenario's inventory and return what it printed.

        :raises AssertionError: it failed.
        """
        command = ["ansible-playbook", "-i", self._inventory, str(ROOT / playbook), "-e", json.dumps(variables)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PLAYBOOK_SECONDS, check=False)
        assert done.returncode == 0, f"{playbook}: {done.stdout[-3000:]} {done.stderr[-1000:]}"
        return done.stdout

    def ids(self) -> dict[str, str]:
        """Return name -> boot id of every node; empty for one that does not answer."""

        async def read(name: str) -> str:
            async with self._client(name) as client:
                return await read_boot_id(client)

        found = run(for_each_node(sorted(self._expected.nodes), read))
        return {name: "" if isinstance(each, TalosError) else each for name, each in found.items()}

    def kernel_log(self, node: str) -> list[str]:
        """Return the lines of a node's kernel log."""

        async def read(client: Client) -> str:
            request = messages.method(MACHINE, "Dmesg").request_class()
            return b"".join([data.bytes async for data in client.stream(f"{MACHINE}/Dmesg", request)]).decode()

        return self.ask(node, read).splitlines()

    def advance(self, node: str, duration: str) -> None:
        """Move the lab time of a node forward.

        :raises AssertionError: the lab refuses.
        """
        done = self._lab.act("advance", node, [duration])
        assert done.returncode == 0, done.stderr

    def apply(self, node: str, text: str) -> str:
        """Apply a machine configuration without a reboot and return what the node says about it."""
        fields = {"data": text.encode(), "mode": NO_REBOOT}
        reply = self.ask(node, lambda client: client.unary(f"{MACHINE}/ApplyConfiguration", _request(fields)))
        return str(reply.messages[0].mode_details)

    def upgrade(self, node: str, image: str) -> None:
        """Upgrade a node, which then reboots."""
        request = messages.method(MACHINE, "Upgrade").request_class(image=image)
        self.ask(node, lambda client: client.unary(f"{MACHINE}/Upgrade", request))

    def stop_service(self, node: str, service: str) -> None:
        """Stop a service of a node."""
        request = messages.method(MACHINE, "ServiceStop").request_class(id=service)
        self.ask(node, lambda client: client.unary(f"{MACHINE}/ServiceStop", request))

    def wait_for_next_boot(self, node: str, before: str) -> None:
        """Wait until a node answers with another boot id than before."""

        def rebooted() -> tuple[bool, str]:
            now = self.ids()[node]
            return now not in ("", before), f"boot id {now or 'not known'}"

        wait_until(f"the next boot of {node}", rebooted)

    def ask(self, node: str, question: Callable[[Client], Awaitable[Result]]) -> Result:
        """Return what a node answers."""

        async def once() -> Result:
            async with self._client(node) as client:
                return await question(client)

        return run(once())

    def _client(self, node: str) -> Client:
        context = load_talosconfig(self._workspace / "talosconfig")
        address = self._expected.nodes[node].address
        return Client(address, credentials=context.credentials, timeout=CALL_SECONDS)


def _request(fields: dict[str, Any]) -> Any:
    return messages.method(MACHINE, "ApplyConfiguration").request_class(**fields)


def seconds_of(measured: dict[str, Any], clocks: Sequence[str]) -> dict[str, Any]:
    """Return clock -> seconds of a measured node."""
    return {clock: measured[clock]["seconds"] for clock in clocks}
