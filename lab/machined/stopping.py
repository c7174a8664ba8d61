# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping what runs on a node, in Talos' order."""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.sequence import Sequence

# The API stays until the very end, so that clients see the events of the sequence.
LAST = ("machined", "apid", "containerd")
FIRST = ("kubelet", "etcd", "trustd")


async def stop_services(node: Node, sequence: Sequence) -> None:
    """Stop every service but those that must be last, workloads first."""
    with sequence.task("stopAllServices"):
        rest = [id for id in node.services if id not in (*FIRST, *LAST, "cri")]
        for id in (*(each for each in rest if each.startswith("ext-")), *FIRST, "cri", *rest):
            if id in node.services:
                await node.services[id].stop()
