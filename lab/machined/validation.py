# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node checks before it takes over a configuration."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


class ValidationFailed(Exception):
    """The configuration is refused; the text is what the node answers."""


def validate(config: MachineConfig, node: Node) -> list[str]:
    """Return the warnings; raises :class:`ValidationFailed` with every error."""
    errors = []
    if config.machine_type not in ("controlplane", "worker", "init"):
        errors.append(f"invalid machine type {config.machine_type!r}")
    if errors:
        raise ValidationFailed(f"{len(errors)} error occurred:\n\t* " + "\n\t* ".join(errors))
    return []
