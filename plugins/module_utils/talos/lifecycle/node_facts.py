# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single facts of a node that the operations below it decide on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message
from ansible_collections.homelab.talos.plugins.module_utils.talos.yaml_text import dump

BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id"

ACTIVE = "v1alpha1"
PERSISTENT = "persistent"


@dataclass(frozen=True)
class MachineStatus:
    """The stage of a node and why it is not ready.

    :ivar stage: such as ``maintenance``, ``booting`` or ``running``.
    :ivar unmet: unmet conditions, ``name: reason`` each.
    """

    stage: str
    ready: bool
    unmet: tuple[str, ...] = ()

    def __str__(self) -> str:
        ready = "ready" if self.ready else "not ready"
        reasons = f" ({'; '.join(self.unmet)})" if self.unmet else ""
        return f"stage {self.stage}, {ready}{reasons}"


async def read_status(client: Any) -> MachineStatus:
    """Return the node's stage.

    Source: siderolabs/talos:pkg/machinery/resources/runtime/machine_status.go.

    :raises TalosError: the node does not answer, or refuses.
    """
    resource = await client.get("runtime", "MachineStatuses.runtime.talos.dev", "machine")
    spec = resource.spec if isinstance(resource.spec, dict) else {}
    status = spec.get("status") or {}
    unmet = tuple(f"{item.get('name')}: {item.get('reason')}" for item in status.get("unmetConditions") or [])
    return MachineStatus(str(spec.get("stage", "unknown")), bool(status.get("ready")), unmet)


async def read_boot_id(client: Any) -> str:
    """Return the kernel's boot id, which changes with every boot (needs role os:admin)."""
    request = message("machine.ReadRequest")(path=BOOT_ID_PATH)
    chunks = [data.bytes async for data in client.stream("machine.MachineService/Read", request)]
    return b"".join(chunks).decode("ascii", "replace").strip()


async def read_config(client: Any, which: str = ACTIVE) -> str:
    """Return the node's machine configuration as text (needs role os:admin).

    :param which: :data:`ACTIVE`, what is in effect, or :data:`PERSISTENT`, what is on disk.
    """
    resource = await client.get("config", "MachineConfigs.config.talos.dev", which)
    return resource.spec if isinstance(resource.spec, str) else dump(resource.spec)
