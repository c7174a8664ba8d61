# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""trustd: control planes issue the API certificates of workers that know the machine token.

Source: siderolabs/talos:internal/app/trustd, internal/app/machined/pkg/controllers/secrets/api.go.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import StreamTerminatedError
from grpclib.server import Stream
from multidict import MultiDict

from ansible_collections.homelab.talos.lab.machined import certificates, refusals
from ansible_collections.homelab.talos.lab.machined.apid import ApiServer
from ansible_collections.homelab.talos.lab.machined.dial import NodeChannel, call_unary
from ansible_collections.homelab.talos.lab.machined.interfaces import NotReadyYet
from ansible_collections.homelab.talos.lab.machined.node import Node
from ansible_collections.homelab.talos.plugins.module_utils.talos import pki
from ansible_collections.homelab.talos.plugins.module_utils.talos.api.messages import message, method

PORT = 50001
PATH = "/securityapi.SecurityService/Certificate"


class TrustdWork:
    """The server: checks the token, signs the request without its organizations."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._server = ApiServer(self, lambda line: node.journal.service("trustd").write(line))

    async def prepare(self) -> None:
        """Nothing to prepare."""

    async def run(self, started: Callable[[str], None]) -> None:
        """Serve until cancelled."""
        config = self._node.config
        if config is None:
            raise RuntimeError("no machine configuration")
        names = certificates.sans(config, (self._node.hostname, self._node.fqdn), self._node.addresses())
        certificate = certificates.issue_server(certificates.os_ca(config), self._node.fqdn, names)
        listening = self._node.runtime.listen("0.0.0.0", PORT)
        await self._server.start(listening, certificates.server_context(certificate, None))
        try:
            started("Service started as goroutine")
            await asyncio.Event().wait()
        finally:
            await self._server.stop()

    async def health(self) -> str | None:
        """Return None while serving."""
        return None if self._server.serving else f"dial tcp 127.0.0.1:{PORT}: connect: connection refused"

    def get(self, path: str) -> Handler | None:
        """Return the wire handler of a path: this object is the server's table."""
        if path != PATH:
            return None
        found = method(PATH)
        return Handler(self._certificate, Cardinality.UNARY_UNARY, found.request_class, found.reply_class)

    async def _certificate(self, stream: Stream[Any, Any]) -> None:
        request = await stream.recv_message()
        config = self._node.config
        if request is None or config is None:
            raise refusals.unavailable("trustd is not ready")
        given = None if stream.metadata is None else stream.metadata.get("token")
        self._check_token(given, str(config.value("machine", "token", default="")))
        ca = certificates.os_ca(config)
        try:
            crt = pki.sign_csr(ca, request.csr, ("server",), lifetime=certificates.LIFETIME, organizations=())
        except pki.PkiError as error:
            raise refusals.unknown(f"failed to sign CSR: {error}") from None
        await stream.send_message(message("securityapi.CertificateResponse")(ca=ca.crt, crt=crt))

    def _check_token(self, given: Any, expected: str) -> None:
        if given is None:
            self._node.journal.service("trustd").write("certificate request refused: missing token")
            raise GRPCError(Status.UNAUTHENTICATED, "missing token")
        if not expected or not hmac.compare_digest(str(given).encode(), expected.encode()):
            self._node.journal.service("trustd").write("certificate request refused: invalid token")
            raise GRPCError(Status.UNAUTHENTICATED, "invalid token")


def endpoints(node: Node) -> list[str]:
    """Return the hosts on which trustd may answer: control planes known to discovery, the cluster endpoint."""
    found = [address for peer in node.peers() if peer.machine_type == "controlplane" for address in peer.addresses]
    if node.config is not None:
        host = urlsplit(str(node.config.value("cluster", "controlPlane", "endpoint", default=""))).hostname
        found += [host] if host else []
    return list(dict.fromkeys(found))


async def request_certificate(node: Node) -> pki.CertificateAndKey:
    """Return a server certificate issued by a control plane's trustd.

    Raises :class:`NotReadyYet` with the last refusal while no trustd gave one.
    """
    config = node.config
    if config is None:
        raise NotReadyYet("waiting for machine configuration")
    names = certificates.sans(config, (node.hostname, node.fqdn), node.addresses())
    csr, key = pki.create_csr("ed25519", node.fqdn, sans=names)
    problem = "no control plane endpoints known yet"
    for host in endpoints(node):
        try:
            return pki.CertificateAndKey(await _ask(node, host, csr), key)
        except GRPCError as error:
            problem = f"{host}: rpc error: code = {error.status.name} desc = {error.message}"
        except (TimeoutError, OSError, StreamTerminatedError) as error:
            problem = f"{host}: {error or type(error).__name__}"
    raise NotReadyYet(f"waiting for API certificates from trustd: {problem}")


async def _ask(node: Node, host: str, csr: bytes) -> bytes:
    config = node.config
    if config is None:
        raise NotReadyYet("waiting for machine configuration")
    tls = certificates.client_context(certificates.os_ca(config).crt)
    channel = NodeChannel(node.runtime, host, PORT, tls, timeout=3.0)
    try:
        token = MultiDict({"token": str(config.value("machine", "token", default=""))})
        reply = await call_unary(channel, PATH, message("securityapi.CertificateRequest")(csr=csr), token, timeout=5.0)
        return bytes(reply.crt)
    finally:
        channel.close()
