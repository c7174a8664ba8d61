# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Greets with its variable, and answers the SHA-256 of the parameter ``nonce``: an app from Python."""

import hashlib
from urllib.parse import parse_qs, urlsplit

from spin_sdk import http, variables
from spin_sdk.http import Request, Response


class IncomingHandler(http.IncomingHandler):
    """Answers every request."""

    def handle_request(self, request: Request) -> Response:
        """Return the greeting and the digest."""
        (nonce,) = parse_qs(urlsplit(request.uri).query).get("nonce", [""])
        digest = hashlib.sha256(nonce.encode()).hexdigest()
        body = f"{variables.get('greeting')} {digest}\n"
        return Response(200, {"content-type": "text/plain"}, body.encode())
