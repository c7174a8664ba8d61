# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of machine configurations as Ansible shows them, without secrets.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils._module.talos_module import TalosModule
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import masking
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig, dump


def masked_text(config: MachineConfig) -> str:
    """Return a configuration as text with its secrets hidden."""
    return dump(masking.mask(config.documents))


def masked_diff(module: TalosModule, before: MachineConfig | None, after: MachineConfig, header: str) -> dict[str, Any]:
    """Return the return value ``diff`` when the operator asked for differences, else nothing.

    :param before: None stands for no configuration.
    :param header: what is compared, such as a path.
    """
    if not module.wants_diff:
        return {}
    old, new = masking.mask_pair(before.documents if before else [], after.documents)
    return {
        "diff": {
            "before": dump(old) if before else "",
            "after": dump(new),
            "before_header": header,
            "after_header": header,
        }
    }
