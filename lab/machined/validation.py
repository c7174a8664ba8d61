# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node checks before it takes over a configuration that it could decode.

Source: siderolabs/talos:pkg/machinery/config/types/v1alpha1/v1alpha1_validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.homelab.talos.plugins.module_utils.rules import document
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig


class ValidationFailed(Exception):
    """The configuration is refused; the text is what the node answers."""


def validate(config: MachineConfig, talos_version: str) -> list[str]:
    """Return the warnings; raises :class:`ValidationFailed` with every error."""
    findings = document.check(config, talos_version, mode="metal")
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise ValidationFailed(several(errors))
    return [finding.message for finding in findings if finding.severity == "warning"]


def several(errors: Sequence[str]) -> str:
    """Return several errors as Talos prints them.

    Source: hashicorp/go-multierror:format.go.
    """
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    return f"{count} occurred:\n\t* " + "\n\t* ".join(errors) + "\n\n"
