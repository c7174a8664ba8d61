# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are not what their name says and say so themselves, as those of emulated nodes do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.homelab.talos.plugins.module_utils.rules.health.observation import Observation

WORD = "stand-in"
_BRACKETED = re.compile(rf"\[([^\[\]]*{WORD}[^\[\]]*)\]")


@dataclass(frozen=True)
class StandIn:
    """A service something else runs in the place of.

    :ivar node: inventory name of the node.
    :ivar note: what the service says about itself.
    """

    node: str
    service: str
    note: str

    def to_dict(self) -> dict[str, str]:
        """Return the stand-in as a plain dict with the keys of this class."""
        return {"node": self.node, "service": self.service, "note": self.note}

    def __str__(self) -> str:
        return f"{self.node} {self.service} ({self.note})"


def note_of(text: str) -> str:
    """Return what a message of a service says about being a stand-in, empty when it says nothing."""
    if WORD not in text:
        return ""
    bracketed = _BRACKETED.search(text)
    return bracketed.group(1) if bracketed else text


def stand_ins(observation: Observation) -> list[StandIn]:
    """Return the stand-ins among all services of all nodes, in their order."""
    return [
        StandIn(node.name, service.id, service.note)
        for node in observation.nodes
        for service in node.services.values()
        if service.note
    ]
