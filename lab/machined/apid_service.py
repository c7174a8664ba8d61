# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service apid: one server, in maintenance or with the certificates of its configuration.

Source: siderolabs/talos:internal/app/machined/pkg/system/services/apid.go.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.talos.lab.machined import certificates
from ansible_collections.homelab.talos.lab.machined.apid import PORT, ApiServer
from ansible_collections.homelab.talos.lab.machined.dial import NodeChannel
from ansible_collections.homelab.talos.lab.machined.forwarding import RemoteNode
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.lab.machined.trustd import request_certificate

RENEW_SECONDS = 12 * 3600.0


class ApidWork:
    """Serves the API; ``maintenance`` tells in which mode the present certificates are."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._server: ApiServer | None = None
        self._tls: ssl.SSLContext | None = None
        self._forwarding: ssl.SSLContext | None = None
        self._basis: object = None
        self.maintenance = True

    def attach(self, table: Any) -> None:
        """Serve the methods of *table* (``get(path)`` returns a grpclib handler)."""
        self._server = ApiServer(table, self._log)

    def _log(self, line: str) -> None:
        self._node.journal.service("apid").write(line)  # the journal forgets its logs at a power cycle

    async def prepare(self) -> None:
        """Get the certificates."""
        self._tls = await self._context()

    async def run(self, started: Callable[[str], None]) -> None:
        """Serve until cancelled, renewing the certificates every twelve hours."""
        server, tls = self._server, self._tls
        if server is None or tls is None:
            raise RuntimeError("apid has no table or no certificates")
        await server.start(self._node.runtime.listen("0.0.0.0", PORT), tls)
        try:
            started("Service started as goroutine")
            while True:
                await self._node.clock.sleep(RENEW_SECONDS)
                await self.reload()
        finally:
            await server.stop()

    async def reload(self) -> None:
        """Use certificates that fit the present configuration for new connections."""
        was_maintenance = self.maintenance
        tls = await self._context()
        if self._server is not None and self._server.serving:
            await self._server.exchange(tls, end_connections=was_maintenance and not self.maintenance)

    @property
    def outdated(self) -> bool:
        """Whether the certificates in use do not fit the present configuration any more."""
        return self._basis != self._wanted_basis()

    def _wanted_basis(self) -> object:
        """Return what the certificates depend on."""
        node, config = self._node, self._node.config
        if config is None:
            return None
        names = certificates.sans(config, (node.hostname, node.fqdn), node.addresses())
        return names, certificates.os_ca(config), certificates.accepted_cas(config)

    async def drain(self) -> None:
        """Let the answers under way reach their callers, for at most one second."""
        self._node.going_down.set()
        if self._server is not None:
            await self._server.drain()

    async def health(self) -> str | None:
        """Return None while serving."""
        if self._server is not None and self._server.serving:
            return None
        return f"dial tcp 127.0.0.1:{PORT}: connect: connection refused"

    def remote(self, target: str) -> RemoteNode | None:
        """Return another node to forward to; None when this node has no certificate for it."""
        if self._forwarding is None or self.maintenance:
            return None
        address = next((peer.addresses[0] for peer in self._node.peers() if peer.name == target), target)
        channel = NodeChannel(self._node.runtime, address, PORT, self._forwarding)
        return RemoteNode(channel, self._node.address, address)

    async def _context(self) -> ssl.SSLContext:
        node, config = self._node, self._node.config
        self._basis = self._wanted_basis()
        if config is None:
            self.maintenance, self._forwarding = True, None
            certificate = certificates.maintenance_certificate(node.addresses())
            return certificates.server_context(certificate, None)
        ca = certificates.os_ca(config)
        if config.is_controlplane:
            names = certificates.sans(config, (node.hostname, node.fqdn), node.addresses())
            certificate = certificates.issue_server(ca, node.fqdn, names)
            self._forwarding = certificates.client_context(ca.crt, certificates.issue_impersonator(ca))
        else:
            certificate = await request_certificate(node)
            self._forwarding = None
        self.maintenance = False
        return certificates.server_context(certificate, certificates.accepted_cas(config))
