# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk is lost only where the cluster has what was on it elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.errors import LabError
from ansible_collections.homelab.talos.lab.faults.disk_lost import DiskLost


class Lab:
    """Nodes of which some run etcd."""

    nodes = ("cp1", "cp2", "node1")

    def __init__(self, *members: str) -> None:
        self.members = members

    def processes_of(self, node: str, program: str) -> list[int]:
        return [7] if program == "etcd" and node in self.members else []


def test_the_only_member_of_etcd_is_refused() -> None:
    lab: Any = Lab("cp1")
    with pytest.raises(LabError) as refused:
        DiskLost().prepare(lab, [["cp1"]], {})
    assert "node cp1 runs the only member of etcd" in refused.value.cause


@pytest.mark.parametrize(("members", "node"), [(("cp1", "cp2"), "cp1"), (("cp1",), "node1"), ((), "cp1")])
def test_others_are_not(members: tuple[str, ...], node: str) -> None:
    lab: Any = Lab(*members)
    assert DiskLost().prepare(lab, [[node]], {}) == {}
