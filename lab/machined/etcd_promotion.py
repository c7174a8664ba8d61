# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane that joined etcd as a learner becomes a voting member as soon as it has caught up.

Source: siderolabs/talos:internal/app/machined/pkg/system/services/etcd.go (promoteMember).
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdError
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import State

RETRY_SECONDS = 2.0
CLIENT_PORT = 2379


async def keep_promoting(node: Node) -> None:
    """Ask the voting members to promote the local one whenever etcd started as a learner."""
    while True:
        await node.board.until(lambda: _runs(node))
        if await _is_learner(node):
            await _promote(node)
        await node.board.until(lambda: not _runs(node))


def _runs(node: Node) -> bool:
    return "etcd" in node.services and node.services["etcd"].state is State.RUNNING


async def _is_learner(node: Node) -> bool:
    """Tell whether the local member is a learner, as soon as it answers; False when etcd stopped meanwhile."""
    while _runs(node):
        try:
            return (await node.programs.etcd_access.status()).is_learner
        except (EtcdError, OSError, TimeoutError):
            await node.clock.sleep(RETRY_SECONDS)
    return False


async def _promote(node: Node) -> None:
    shown = ""
    while _runs(node):
        peers = [peer for peer in node.peers() if peer.machine_type == "controlplane"]
        voters = [f"https://{peer.addresses[0]}:{CLIENT_PORT}" for peer in peers]
        try:
            member_id = (await node.programs.etcd_access.status()).member_id
            await node.programs.etcd_access.promote(member_id, voters)
            node.journal.talos("successfully promoted etcd member")
            return
        except (EtcdError, OSError, TimeoutError) as error:
            if str(error) != shown:
                shown = str(error)
                node.journal.talos(f"failed promoting member: {shown}")
            await node.clock.sleep(RETRY_SECONDS)
