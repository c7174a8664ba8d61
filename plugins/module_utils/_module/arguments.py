# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications that can be merged, so that shared options are written once.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule


@dataclass(frozen=True)
class ArgumentSpec:
    """Options of a module together with the rules between them.

    :param options: as ``argument_spec`` of ``AnsibleModule``.
    :param required_if: as in ``AnsibleModule``; the other rules likewise.
    """

    options: dict[str, dict[str, Any]]
    required_if: list[tuple[Any, ...]] = field(default_factory=list)
    required_one_of: list[tuple[str, ...]] = field(default_factory=list)
    required_together: list[tuple[str, ...]] = field(default_factory=list)
    mutually_exclusive: list[tuple[str, ...]] = field(default_factory=list)
    required_by: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def merged_with(self, *others: ArgumentSpec) -> ArgumentSpec:
        """Return a specification with the options and rules of all; options of later ones win."""
        merged = self
        for other in others:
            merged = ArgumentSpec(
                options={**merged.options, **other.options},
                required_if=merged.required_if + other.required_if,
                required_one_of=merged.required_one_of + other.required_one_of,
                required_together=merged.required_together + other.required_together,
                mutually_exclusive=merged.mutually_exclusive + other.mutually_exclusive,
                required_by={**merged.required_by, **other.required_by},
            )
        return merged

    def create_module(self) -> AnsibleModule:
        """Parse the arguments of the running module; every module of this collection supports check mode."""
        return AnsibleModule(
            argument_spec=self.options,
            required_if=self.required_if,
            required_one_of=self.required_one_of,
            required_together=self.required_together,
            mutually_exclusive=self.mutually_exclusive,
            required_by=self.required_by,
            supports_check_mode=True,
        )
