# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who talks to whom: mutual TLS, maintenance mode, and every way in which it fails."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ansible_collections.homelab.talos.plugins.module_utils.talos import errors, transport
from ansible_collections.homelab.talos.plugins.module_utils.talos.client import Client
from ansible_collections.homelab.talos.plugins.module_utils.talos.parallel import run
from ansible_collections.homelab.talos.plugins.module_utils.talos.talosconfig import Credentials
from ansible_collections.homelab.talos.tests.support.certificates import DAY, Authority, now
from ansible_collections.homelab.talos.tests.support.talos_api import ApiServer
from ansible_collections.homelab.talos.tests.unit.plugins.module_utils.talos.conftest import ask_version

StartNode = Callable[..., ApiServer]
TLS_VERSIONS = pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def fingerprint_of(certificate: tuple[bytes, bytes]) -> bytes:
    return transport.public_key_fingerprint(ssl.PEM_cert_to_DER_cert(certificate[0].decode()))


@TLS_VERSIONS
def test_mutual_tls(node: StartNode, authority: Authority, maximum: ssl.TLSVersion) -> None:
    assert ask_version(node(maximum=maximum).endpoint, credentials=authority.client()) == "v1.13.9"


def test_a_connection_serves_many_calls(node: StartNode, authority: Authority) -> None:
    dialled = []

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        dialled.append((host, port))
        return socket.create_connection((host, port), timeout)

    server = node()

    async def ask() -> None:
        async with Client(server.endpoint, credentials=authority.client(), socket_factory=dial) as client:
            await asyncio.gather(*(client.unary("machine.MachineService/Version") for number in range(5)))
            await client.unary("/machine.MachineService/Version")

    run(ask())
    assert dialled == [("127.0.0.1", int(server.endpoint.rpartition(":")[2]))]
    assert len(server.calls) == 6


def test_the_socket_may_be_awaited(node: StartNode, authority: Authority) -> None:
    async def dial(host: str, port: int, timeout: float) -> socket.socket:
        return await asyncio.to_thread(socket.create_connection, (host, port), timeout)

    assert ask_version(node().endpoint, credentials=authority.client(), socket_factory=dial) == "v1.13.9"


def test_a_factory_that_fails_is_unreachable(authority: Authority) -> None:
    def dial(host: str, port: int, timeout: float) -> socket.socket:
        raise OSError(113, "No route to host")

    with pytest.raises(errors.Unreachable, match="^198.18.1.11:50000: no route to host"):
        ask_version("198.18.1.11", credentials=authority.client(), socket_factory=dial)


def test_a_lost_connection_is_made_anew(node: StartNode, authority: Authority) -> None:
    sockets: list[socket.socket] = []

    def dial(host: str, port: int, timeout: float) -> socket.socket:
        sockets.append(socket.create_connection((host, port), timeout))
        return sockets[-1]

    server = node()

    async def ask() -> None:
        async with Client(server.endpoint, credentials=authority.client(), socket_factory=dial) as client:
            await client.unary("machine.MachineService/Version")
            channel = client._channel
            assert channel is not None
            channel._protocol.abort()  # type: ignore[union-attr]
            await channel._protocol.closed  # type: ignore[union-attr]
            await client.unary("machine.MachineService/Version")

    run(ask())
    assert len(sockets) == 2


def test_wrong_ca(node: StartNode, authority: Authority, stranger: Authority) -> None:
    own = authority.client()
    credentials = Credentials(ca=stranger.pem, crt=own.crt, key=own.key)
    server = node()
    with pytest.raises(errors.CertificateRefused, match="x509: certificate signed by unknown authority") as caught:
        ask_version(server.endpoint, credentials=credentials)
    assert caught.value.node == server.endpoint
    assert "use the talosconfig of this node's cluster" in str(caught.value)
    assert server.calls == []


@TLS_VERSIONS
def test_client_certificate_of_another_cluster(
    node: StartNode, authority: Authority, stranger: Authority, maximum: ssl.TLSVersion
) -> None:
    other = stranger.client()
    credentials = Credentials(ca=authority.pem, crt=other.crt, key=other.key)
    with pytest.raises(errors.CertificateRefused, match="the node does not accept the client certificate"):
        ask_version(node(maximum=maximum).endpoint, credentials=credentials)


def test_certificate_of_another_address(node: StartNode, authority: Authority) -> None:
    certificate = authority.server(addresses=["198.18.1.11"])
    with pytest.raises(errors.CertificateRefused, match="not valid for this address.*certSANs"):
        ask_version(node(certificate=certificate).endpoint, credentials=authority.client())


def test_expired_certificate_is_found_before_connecting(authority: Authority) -> None:
    def dial(host: str, port: int, timeout: float) -> socket.socket:
        raise AssertionError("connected")

    credentials = authority.client(not_before=now() - 2 * DAY, not_after=now() - DAY)
    with pytest.raises(errors.CertificateRefused, match="^cp1:50000: the client certificate expired at 20"):
        ask_version("cp1", credentials=credentials, socket_factory=dial)


def test_certificate_that_is_not_valid_yet(authority: Authority) -> None:
    credentials = authority.client(not_before=now() + DAY, not_after=now() + 2 * DAY)
    with pytest.raises(errors.CertificateRefused, match="valid only from"):
        ask_version("127.0.0.1:1", credentials=credentials)


@TLS_VERSIONS
def test_expired_certificate_is_refused_by_the_node(
    node: StartNode, authority: Authority, maximum: ssl.TLSVersion
) -> None:
    def slow_clock() -> datetime.datetime:
        return now() - DAY - DAY / 2

    credentials = authority.client(not_before=now() - 2 * DAY, not_after=now() - DAY)
    with pytest.raises(errors.CertificateRefused, match="the node says that the client certificate has expired"):
        ask_version(node(maximum=maximum).endpoint, credentials=credentials, clock=slow_clock)


def test_key_of_another_certificate(authority: Authority) -> None:
    credentials = Credentials(ca=authority.pem, crt=authority.client().crt, key=authority.client().key)
    with pytest.raises(errors.CertificateRefused, match="client certificate and key of the talosconfig: "):
        ask_version("127.0.0.1:1", credentials=credentials)


def test_ca_that_is_none(authority: Authority) -> None:
    own = authority.client()
    credentials = Credentials(ca=b"-----BEGIN CERTIFICATE-----\n", crt=own.crt, key=own.key)
    with pytest.raises(errors.CertificateRefused, match="the CA of the talosconfig cannot be loaded"):
        ask_version("127.0.0.1:1", credentials=credentials)


@TLS_VERSIONS
def test_insecure_client_at_a_configured_node(node: StartNode, maximum: ssl.TLSVersion) -> None:
    server = node(maximum=maximum)
    with pytest.raises(errors.NotInMaintenance, match="the node wants a client certificate") as caught:
        ask_version(server.endpoint, insecure=True)
    assert "connect with the talosconfig" in caught.value.remedy
    assert server.calls == []


def test_insecure_client_with_fingerprint_at_a_configured_node(node: StartNode) -> None:
    with pytest.raises(errors.NotInMaintenance):
        ask_version(node().endpoint, insecure=True, fingerprint=base64.b64encode(bytes(32)).decode())


def test_maintenance(maintenance_node: ApiServer) -> None:
    assert ask_version(maintenance_node.endpoint, insecure=True) == "v1.13.9"


@pytest.mark.parametrize("form", [lambda value: base64.b64encode(value).decode(), bytes.hex, lambda v: v.hex(":")])
def test_maintenance_with_its_fingerprint(
    maintenance_node: ApiServer, maintenance_certificate: tuple[bytes, bytes], form: Callable[[bytes], str]
) -> None:
    fingerprint = form(fingerprint_of(maintenance_certificate))
    assert ask_version(maintenance_node.endpoint, insecure=True, fingerprint=fingerprint) == "v1.13.9"


def test_maintenance_with_another_fingerprint(
    maintenance_node: ApiServer, maintenance_certificate: tuple[bytes, bytes]
) -> None:
    found = transport.format_fingerprint(fingerprint_of(maintenance_certificate))
    expected = transport.format_fingerprint(bytes(32))
    with pytest.raises(errors.CertificateRefused) as caught:
        ask_version(maintenance_node.endpoint, insecure=True, fingerprint=expected)
    assert f"the fingerprint of the node is {found}, expected {expected}" in str(caught.value)
    assert maintenance_node.calls == []


def test_the_fingerprint_is_that_of_the_public_key(maintenance_certificate: tuple[bytes, bytes]) -> None:
    # SubjectPublicKeyInfo of an Ed25519 key: a constant header (RFC 8410) and the 32 bytes of the key
    key = x509.load_pem_x509_certificate(maintenance_certificate[0]).public_key()
    assert isinstance(key, Ed25519PublicKey)
    info = bytes.fromhex("302a300506032b6570032100") + key.public_bytes_raw()
    assert fingerprint_of(maintenance_certificate) == hashlib.sha256(info).digest()


def test_talosconfig_at_a_node_in_maintenance(maintenance_node: ApiServer, authority: Authority) -> None:
    with pytest.raises(errors.MaintenanceMode, match="the node is in maintenance mode") as caught:
        ask_version(maintenance_node.endpoint, credentials=authority.client())
    assert "certificate signed by unknown authority" in caught.value.cause
    assert "apply a machine configuration" in caught.value.remedy
    assert maintenance_node.calls == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"insecure": True, "credentials": Credentials(b"", b"", b"")},
        {"credentials": Credentials(b"", b"", b""), "fingerprint": "00" * 32},
        {"insecure": True, "fingerprint": "00"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"credentials|fingerprint"):
        Client("127.0.0.1", **options)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_nobody_listens(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(errors.Unreachable, match=f"^127.0.0.1:{port}: connection refused .*powered on"):
        ask_version(f"127.0.0.1:{port}", credentials=authority.client())


def test_a_name_that_does_not_exist(authority: Authority) -> None:
    with pytest.raises(errors.Unreachable, match="the name cannot be resolved"):
        ask_version("cp1.invalid", credentials=authority.client())


@pytest.mark.parametrize("insecure", [True, False])
def test_no_handshake_within_the_deadline(silent_port: int, authority: Authority, insecure: bool) -> None:
    options: dict[str, Any] = {"insecure": True} if insecure else {"credentials": authority.client()}
    with pytest.raises(errors.Unreachable, match=r"no connection within 0\.3 s"):
        ask_version(f"127.0.0.1:{silent_port}", timeout=0.3, **options)


def test_something_else_listens(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _address = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(errors.Unreachable, match="TLS handshake failed"):
            ask_version(f"127.0.0.1:{listening.getsockname()[1]}", credentials=authority.client())
        thread.join(5)


def test_no_credentials_are_left_in_errors(node: StartNode, authority: Authority, stranger: Authority) -> None:
    own = authority.client()
    credentials = Credentials(ca=stranger.pem, crt=own.crt, key=own.key)
    with pytest.raises(errors.CertificateRefused) as caught:
        ask_version(node().endpoint, credentials=credentials)
    assert "PRIVATE KEY" not in repr(credentials)
    assert "PRIVATE KEY" not in str(caught.value) + repr(caught.value)
    assert "\n" not in str(caught.value)
