# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab description says about one service node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.lab.errors import LabError

_KEYS = {"name", "kind", "address"}


@dataclass(frozen=True)
class ServiceDescription:
    """A service node: its *name*, what *kind* of service it is, its *address*, and *options* of that kind."""

    name: str
    kind: str
    address: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, content: Any) -> ServiceDescription:
        """Read one entry of a lab description's ``services``; raises :class:`LabError`."""
        if not isinstance(content, Mapping):
            raise LabError(f"service {content!r} is not described", "give it name, kind and address")
        name = str(content.get("name") or "?")
        for key in sorted(_KEYS - set(content)):
            raise LabError(f"service {name}: key {key!r} is missing", "give it name, kind and address")
        for key in sorted(set(content) - _KEYS - {"options"}):
            raise LabError(f"service {name}: key {key!r} is not known", "use name, kind, address and options")
        options = content.get("options") or {}
        if not isinstance(options, Mapping):
            raise LabError(f"service {name}: options {options!r} are not a mapping", "write each as key: value")
        return cls(name, str(content["kind"]), str(content["address"]), dict(options))

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data that :meth:`from_mapping` reads back."""
        content: dict[str, Any] = {"name": self.name, "kind": self.kind, "address": self.address}
        return {**content, "options": dict(self.options)} if self.options else content
