# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS alerts from servers built on asyncio.

When a handshake fails, OpenSSL has an alert ready that tells the peer why, but asyncio closes the connection without
sending it. A Go server, as Talos has, sends it: without it a client cannot tell a refused certificate from a crash.
"""

from __future__ import annotations

import ssl


class AlertingSSLObject(ssl.SSLObject):
    """For a server: ``context.sslobject_class = AlertingSSLObject``.

    The first failure is reported as "wants to read", on which asyncio sends what OpenSSL has to send: the alert. The
    peer then closes, and the failure is raised.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises ssl.SSLError one step late."""
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._failure = error
            raise ssl.SSLWantReadError from error
