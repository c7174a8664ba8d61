# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tailnet of the lab, seen through the programs of its own machines: the server, the clients, the gateway.

Nothing of the collection's library takes part: what judges it must not be it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.tests.testinfra import wire_capture
from ansible_collections.homelab.talos.tests.testinfra.lab_handle import LabHandle

SECONDS = 4.0
WIRE, TUNNEL = "eth0", "tailscale0"
_SOCKET = "--socket=/run/tailscale/tailscaled.sock"
_CAPTURE_END_SECONDS = 10.0


@dataclass(frozen=True)
class Device:
    """A device as the coordination server lists it; routes by what was done about them."""

    id: str
    name: str
    online: bool
    addresses: tuple[str, ...]
    tags: frozenset[str]
    advertised: frozenset[str]
    approved: frozenset[str]
    served: frozenset[str]


@dataclass(frozen=True)
class Wire:
    """What crossed an interface: (protocol, source, destination, ports) -> packets."""

    packets: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)


class LabTailnet:
    """The server and the clients of a lab's tailnet.

    :param lab: how commands reach the machines of the lab.
    :param server: name of the machine with the coordination server.
    """

    def __init__(self, lab: LabHandle, server: str) -> None:
        self._lab = lab
        self._server = server

    def on(self, machine: str, *command: str) -> str:
        """Return what a command says on a machine of the lab.

        :raises AssertionError: it fails; with its last line.
        """
        done = self._lab.act("exec", machine, command)
        assert done.returncode == 0, f"{machine}: {' '.join(command)}: {(done.stderr or done.stdout).strip()}"
        return done.stdout

    def _headscale(self, *words: str) -> Any:
        config = ("--config", "/etc/headscale/config.yaml", "--output", "json")
        return json.loads(self.on(self._server, "headscale", *words, *config))

    def devices(self) -> dict[str, Device]:
        """Return name -> device, as the server knows them now."""
        return {device.name: device for device in map(_device, self._headscale("nodes", "list") or [])}

    def approve(self, name: str, routes: Sequence[str]) -> None:
        """Make the server approve exactly these routes of a device."""
        words = ("nodes", "approve-routes", "--identifier", self.devices()[name].id)
        self._headscale(*words, "--routes", ",".join(routes))

    def tailscale(self, machine: str, *words: str) -> str:
        """Return what the client program says on a machine that has one."""
        return self.on(machine, "tailscale", _SOCKET, *words)

    def ask(self, machine: str, questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the answers of the program ``probe`` on a machine."""
        asked = [{"seconds": SECONDS, **question} for question in questions]
        found: list[dict[str, Any]] = json.loads(self.on(machine, "probe", "ask", json.dumps(asked)))
        return found

    @contextmanager
    def capture(self, machine: str, interface: str) -> Iterator[list[Wire]]:
        """Listen on an interface of a machine; the list holds what crossed it once the block has ended."""
        program = [sys.executable, wire_capture.__file__, interface]
        command = [part.replace("{node}", machine) for part in self._lab.commands["exec"]]
        found: list[Wire] = []
        with subprocess.Popen(
            [*command, *program],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", **self._lab.environment},
            stdout=subprocess.PIPE,
            text=True,
        ) as listening:
            assert listening.stdout is not None
            assert listening.stdout.readline().strip() == "ready", f"{machine}: nobody listens on {interface}"
            try:
                yield found
            finally:
                self.on(machine, "pkill", "-TERM", "-f", f"{Path(wire_capture.__file__).name} {interface}")
                text, _errors = listening.communicate(timeout=_CAPTURE_END_SECONDS)
        found.append(Wire({tuple(each[:4]): each[4] for each in json.loads(text)}))


def _device(entry: Mapping[str, Any]) -> Device:
    return Device(
        id=str(entry["id"]),
        name=entry["given_name"],
        online=bool(entry.get("online")),
        addresses=tuple(entry["ip_addresses"]),
        tags=frozenset(entry.get("tags") or ()),
        advertised=frozenset(entry.get("available_routes") or ()),
        approved=frozenset(entry.get("approved_routes") or ()),
        served=frozenset(entry.get("subnet_routes") or ()),
    )
