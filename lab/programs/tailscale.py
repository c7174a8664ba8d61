# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tailscale extension of a gateway: the real containerboot, and with it tailscaled, in kernel mode.

Source: siderolabs/extensions:network/tailscale/tailscale.yaml, tailscale/tailscale:cmd/containerboot.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined.interfaces import Command, Facts
from ansible_collections.homelab.talos.lab.node.runtime import NodeRuntime
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

EXTENSION = "tailscale"
#: What containerboot starts, and what would end with the container of the extension.
_DAEMON = "tailscaled"
_STATE, _RUN = "var/lib/tailscale", "/run/tailscale"
#: What the lab replaces; it has its row in the table of substitutions.
_LAB_ENVIRONMENT = {"TS_NO_LOGS_NO_SUPPORT": "true"}
_ENVIRONMENT = {
    "TS_SOCKET": "/var/run/tailscale/tailscaled.sock",
    "TS_STATE_DIR": f"/{_STATE}",
    "TS_USERSPACE": "false",
}


class Tailscale:
    """The program of the extension on one node; a :class:`~.machined.interfaces.Program`."""

    def __init__(self, runtime: NodeRuntime) -> None:
        self._runtime = runtime

    async def prepare(self, config: MachineConfig, facts: Facts) -> Command:
        """Make what the container has mounted and return the command with the environment of the document."""
        document = next(each for each in config.documents_of("ExtensionServiceConfig") if each["name"] == EXTENSION)
        if document.get("configFiles"):
            raise ValueError("the lab does not mount configFiles of an ExtensionServiceConfig")
        (self._runtime.directory / _STATE).mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._runtime.run(["mkdir", "-p", _RUN])
        return Command(("/opt/engine/containerboot",), {**_ENVIRONMENT, **_variables(document), **_LAB_ENVIRONMENT})

    async def ended(self) -> None:
        """End what the container's end would have ended."""
        await self._runtime.run(["pkill", "-KILL", "-x", _DAEMON])

    async def health(self, config: MachineConfig) -> str | None:
        """Services of extensions have no health check."""
        return None


def _variables(document: dict[str, Any]) -> dict[str, str]:
    pairs = (str(entry).partition("=") for entry in document.get("environment") or ())
    return {name: value for name, _sign, value in pairs}
