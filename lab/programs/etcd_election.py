# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A candidacy in an election of etcd: the real ``etcdctl elect``, which uses etcd's own concurrency package.

Source: etcd-io/etcd:etcdctl/ctlv3/command/elect_command.go.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.lab.machined.interfaces import EtcdError
from ansible_collections.homelab.talos.lab.node.process import NodeProcess

RESIGN_SECONDS = 5.0


class ElectProcess:
    """One running ``etcdctl elect``; a :class:`~.machined.interfaces.Campaign`."""

    def __init__(self, process: NodeProcess) -> None:
        self._process = process

    async def won(self) -> None:
        """Wait until it leads: then, and only then, it prints its key."""
        if not await self._process.read_line():
            raise EtcdError(f"the election ended with status {await self._process.wait()}")

    async def ended(self) -> None:
        """Wait until the session is lost, or the program ends for another reason."""
        await self._process.wait()

    async def resign(self) -> None:
        """End the program, which gives up its key on the way."""
        await self._process.terminate(RESIGN_SECONDS)
