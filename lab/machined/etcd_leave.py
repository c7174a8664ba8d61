# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving the etcd cluster before a control plane disappears.

Source: siderolabs/talos:internal/pkg/etcd/etcd.go (LeaveCluster).
"""

from __future__ import annotations

import shutil

from ansible_collections.homelab.talos.lab.machined import etcd_data
from ansible_collections.homelab.talos.lab.machined.node import Node


class LastMember(Exception):
    """etcd keeps its last member."""


async def leave_etcd(node: Node) -> None:
    """Remove the local member, stop etcd and the static pods, and erase its data; raises :class:`LastMember`."""
    if etcd_data.is_empty(node.partitions.ephemeral):
        return
    members = await node.programs.etcd_access.members()
    status = await node.programs.etcd_access.status()
    if len([member for member in members if not member.is_learner]) <= 1:
        raise LastMember("etcdserver: re-configuration failed due to not enough started members")
    if status.leader == status.member_id:
        await node.programs.etcd_access.forfeit_leadership()
    await node.programs.etcd_access.remove_member(status.member_id)
    if "etcd" in node.services:
        await node.services["etcd"].stop()
    await node.programs.control_plane.withdraw()  # an API server without its etcd is of no use
    shutil.rmtree(node.partitions.ephemeral / etcd_data.DATA_DIRECTORY, ignore_errors=True)
