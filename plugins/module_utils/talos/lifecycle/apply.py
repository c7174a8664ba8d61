# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying a machine configuration: only when it differs, and read back afterwards.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (ApplyConfiguration).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import enum, message
from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import NotFound
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.access import OpenNode
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.config_difference import differing_paths
from ansible_collections.homelab.talos.plugins.module_utils.talos.lifecycle.node_facts import (
    ACTIVE,
    PERSISTENT,
    read_config,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

METHOD = "machine.MachineService/ApplyConfiguration"

# Names of talosctl -> names of the API. REBOOT is the zero value of the enum: the mode is always set.
MODES = {"auto": "AUTO", "no-reboot": "NO_REBOOT", "reboot": "REBOOT", "staged": "STAGED", "try": "TRY"}

# Which copies of the configuration must equal the wanted one for a mode to have nothing to do.
_CONCERNED = {"staged": (PERSISTENT,), "try": (ACTIVE,)}


class ApplyError(Exception):
    """A configuration may not be or was not applied; one line with node, cause and remedy."""


@dataclass(frozen=True)
class Present:
    """What a node has now.

    :ivar active: the configuration in effect, None in maintenance mode.
    :ivar persistent: the one on disk.
    """

    active: MachineConfig | None = None
    persistent: MachineConfig | None = None

    def differences(self, wanted: MachineConfig, mode: str) -> list[str]:
        """Return the paths the mode would change, empty when nothing has to be sent."""
        copies = {ACTIVE: self.active, PERSISTENT: self.persistent}
        paths: set[str] = set()
        for which in _CONCERNED.get(mode, (ACTIVE, PERSISTENT)):
            paths.update(differing_paths(copies[which] or MachineConfig([]), wanted))
        return sorted(paths)


@dataclass(frozen=True)
class Applied:
    """The node's answer.

    :ivar mode: the mode the node chose, in talosctl's words.
    :ivar details: what it said about it.
    """

    mode: str
    details: str
    warnings: tuple[str, ...] = field(default_factory=tuple)


async def read_present(node: OpenNode, name: str) -> Present:
    """Return the configurations of a node; in maintenance mode there is none.

    :raises TalosError: they cannot be read.
    """
    if node.via == "maintenance":
        return Present()
    active = MachineConfig.from_text(await read_config(node.client, ACTIVE), f"active configuration of {name}")
    try:
        text = await read_config(node.client, PERSISTENT)
    except NotFound:
        return Present(active, active)
    return Present(active, MachineConfig.from_text(text, f"stored configuration of {name}"))


def refuse_other_cluster(present: Present, wanted: MachineConfig, name: str) -> None:
    """Refuse to turn a node of one cluster into a node of another.

    :raises ApplyError: cluster ids differ.
    """
    if present.active is None:
        return
    found, asked = (config.value("cluster", "id", default="") for config in (present.active, wanted))
    if found and asked and found != asked:
        cluster = present.active.value("cluster", "clusterName", default="another cluster")
        raise ApplyError(
            f"{name}: belongs to cluster {cluster} (id {found}), the configuration is for id {asked};"
            " reset the node first or use the secrets bundle of its cluster"
        )


async def send(
    node: OpenNode, text: str, mode: str, try_timeout: int = 60, dry_run: bool = False, timeout: float | None = None
) -> Applied:
    """Send a configuration.

    :param mode: a key of :data:`MODES`.
    :param try_timeout: seconds after which a configuration in mode ``try`` is taken back.
    :param dry_run: let the node say what it would do.
    :param timeout: limit of the call in seconds.
    :raises TalosError: the node refuses it.
    """
    modes = enum("machine.ApplyConfigurationRequest.Mode")
    request = message("machine.ApplyConfigurationRequest")(
        data=text.encode("utf-8"), mode=modes.Value(MODES[mode]), dry_run=dry_run
    )
    request.try_mode_timeout.FromSeconds(try_timeout)
    reply = await node.client.unary(METHOD, request, timeout=timeout)
    answer: Any = reply.messages[0]
    chosen = {number: name for name, number in ((word, modes.Value(api)) for word, api in MODES.items())}
    return Applied(chosen[answer.mode], answer.mode_details.strip(), tuple(answer.warnings))


async def read_back(client: Any, wanted: MachineConfig, name: str, which: str = ACTIVE) -> None:
    """Make sure that the node holds what was sent.

    :raises ApplyError: naming the paths that differ.
    """
    found = MachineConfig.from_text(await read_config(client, which), f"{which} configuration of {name}")
    paths = differing_paths(found, wanted)
    if paths:
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        raise ApplyError(
            f"{name}: accepted the configuration but holds another one, different at {', '.join(paths[:5])}{more};"
            " somebody else applies configurations at the same time, run again"
        )
