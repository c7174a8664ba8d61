# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootstrap: etcd starts as a new cluster, once.

Source: siderolabs/talos:internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go (Bootstrap).
"""

from __future__ import annotations

from typing import Any

from ansible_collections.homelab.talos.lab.machined import etcd_data, refusals
from ansible_collections.homelab.talos.lab.machined.call import Call, Handlers
from ansible_collections.homelab.talos.lab.machined.conditions import time_sync
from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdStart
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.service_runner import State
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message


def check(node: Node) -> None:
    """Raise what Talos answers when bootstrap is not possible now; the order is Talos'."""
    if not node.is_up("cri") or node.busy:
        raise refusals.failed_precondition("bootstrap is not available yet")
    if not node.is_controlplane:
        raise refusals.control_plane_only("bootstrap")
    if node.config is None or not node.config.value("cluster", "etcd", "ca", "crt"):
        raise refusals.invalid_argument("etcd is not configured, bootstrap is not possible")
    if not time_sync(node).met():
        raise refusals.failed_precondition("time is not in sync yet")
    under_way = node.etcd_start is not None and node.services["etcd"].state is not State.FAILED
    if under_way or not etcd_data.is_empty(node.partitions.ephemeral):
        raise refusals.already_exists("etcd data directory is not empty")


def handlers(node: Node) -> Handlers:
    """Return the handler."""

    async def bootstrap(call: Call) -> Any:
        node.journal.talos("bootstrap request received")
        check(node)
        node.etcd_start = EtcdStart(call.request.recover_etcd, call.request.recover_skip_hash_check)
        etcd = node.services["etcd"]
        await etcd.stop()
        etcd.start()
        reply = message("machine.BootstrapResponse")()
        reply.messages.add()
        return reply

    return {"/machine.MachineService/Bootstrap": bootstrap}
