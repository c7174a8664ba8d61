# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test may ask of the provider of the nodes.

The role ``lab`` leaves a handle: the capabilities of the provider and the commands behind them. Tests ask for a
capability, never for the name of a provider.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_SECONDS = 30.0
# Switching and lifting wait for machines.
FAULT_SECONDS = 180.0


class MissingCapability(Exception):
    """The provider cannot do what a test needs."""


@dataclass(frozen=True)
class LabHandle:
    """The provider of the nodes.

    :param capabilities: what it can do to nodes, such as ``exec`` (run a command on a node) or ``power``.
    :param commands: capability or action -> command; ``{node}`` stands for the name of a node, ``{verb}`` for what is
        to be done with faults.
    :param environment: variables that the commands need.
    :param services: name of each service node -> what the lab says about it.
    """

    capabilities: frozenset[str] = frozenset()
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None) -> LabHandle:
        """Read a handle; without one the provider can do nothing to nodes, as with machines of somebody's own."""
        if not path or not Path(path).exists():
            return cls()
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(
            frozenset(data["capabilities"]),
            {name: tuple(command) for name, command in data["commands"].items()},
            data["environment"],
            {service["name"]: service for service in data.get("services", ())},
        )

    def act(
        self, action: str, node: str, arguments: Sequence[str] = (), seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run the command of an action for a node and return what came of it.

        :param arguments: appended to the command, for ``exec`` the command to run on the node.
        :raises MissingCapability: the provider does not know the action.
        """
        return self._run(action, "{node}", node, arguments, seconds)

    def fault(self, verb: str, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a command about faults: ``on`` with fault, targets and parameters, ``off`` with ids, or ``status``.

        :raises MissingCapability: the provider has no faults.
        """
        return self._run("fault", "{verb}", verb, arguments, FAULT_SECONDS)

    def _run(
        self, action: str, placeholder: str, word: str, arguments: Sequence[str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        if action not in self.commands:
            raise MissingCapability(f"the provider cannot {action}")
        command = [part.replace(placeholder, word) for part in self.commands[action]]
        return subprocess.run(
            [*command, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
