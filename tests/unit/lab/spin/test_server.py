# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host speaks HTTP/1.1: bodies of both kinds arrive whole, connections are kept, bad requests are answered."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request
from ansible_collections.homelab.talos.lab.spin.host.server import Server


@pytest.fixture
def seen() -> list[Request]:
    return []


@pytest.fixture
def server(seen: list[Request]) -> Iterator[Server]:
    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer(201, [("x-a", b"1"), ("content-length", b"999")], b"answer")

    made = Server("127.0.0.1", 0, answer)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(10)


@pytest.fixture
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", int(server.server_address[1]), timeout=10)
    yield made
    made.close()


def test_requests_of_one_connection_are_answered(connection: http.client.HTTPConnection, seen: list[Request]) -> None:
    for number in range(3):
        connection.request("POST", f"/a?b={number}", b"body", {"X-More": "yes"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (201, b"answer")
        assert (response.getheader("x-a"), response.getheader("content-length")) == ("1", "6")
    assert [(each.method, each.path, each.body) for each in seen] == [
        ("POST", f"/a?b={number}", b"body") for number in range(3)
    ]
    assert seen[0].header("x-more") == "yes"


def test_a_body_in_pieces_arrives_whole(connection: http.client.HTTPConnection, seen: list[Request]) -> None:
    connection.request("POST", "/", iter([b"one ", b"two"]), encode_chunked=True)
    assert connection.getresponse().read() == b"answer"
    assert seen[0].body == b"one two"


def test_head_has_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/")
    response = connection.getresponse()
    assert (response.status, response.read()) == (201, b"")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_bodies_that_cannot_be_read_are_refused(
    server: Server, seen: list[Request], head: bytes, status: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", int(server.server_address[1])), timeout=10) as raw:
        raw.sendall(head)
        assert raw.recv(4096).split(b" ")[1] == status
    assert seen == []
