# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests over HTTP/1.1, as they come from services and probes of the cluster."""

from __future__ import annotations

import http.server
import socketserver
from collections.abc import Callable

from ansible_collections.homelab.talos.lab.spin.host.exchange import Answer, Request

#: Larger bodies are refused; they are kept in memory.
BODY_BYTES = 32 * 1024 * 1024
#: Seconds after which an idle connection is closed.
IDLE_SECONDS = 75.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class _BadRequest(Exception):
    """A request that cannot be read; *status* is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Server(socketserver.ThreadingTCPServer):
    """Serves *answer* at an address; requests of one connection are answered in their order."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        super().__init__((host, port), _Exchange)


class _Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: Server

    def _serve(self) -> None:
        try:
            body = self._body()
        except _BadRequest as bad:
            self.close_connection = True
            self._send(Answer(bad.status))
            return
        headers = [(name.lower(), value.encode("latin-1")) for name, value in self.headers.items()]
        client = f"{self.client_address[0]}:{self.client_address[1]}"
        request = Request(self.command, self.path, self.headers.get("Host", ""), headers, body, client)
        self._send(self.server.answer(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_TRACE = _serve

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            raise _BadRequest(400)
        if int(length) > BODY_BYTES:
            raise _BadRequest(413)
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError:
                raise _BadRequest(400) from None
            if len(body) + size > BODY_BYTES:
                raise _BadRequest(413)
            if size == 0:
                break
            body += self.rfile.read(size)
            self.rfile.readline(1024)
        while self.rfile.readline(65536).strip():
            pass
        return bytes(body)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value.decode("latin-1"))
        bodiless = answer.status < 200 or answer.status in (204, 304)
        if not bodiless:
            self.send_header("content-length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD" and not bodiless:
            self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not logged, as Spin does not."""
