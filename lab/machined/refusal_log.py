# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apid logs of connections and calls that it refused: who, what, why. No certificate, no key, no request.

Source: siderolabs/talos:pkg/grpc/middleware/log/log.go (the form of a refused call).
"""

from __future__ import annotations

import ssl
from typing import Any

from grpclib import GRPCError, Status

from ansible_collections.homelab.talos.lab.machined.identity import Identity

REFUSALS = {Status.PERMISSION_DENIED: "PermissionDenied", Status.UNAUTHENTICATED: "Unauthenticated"}


def peer(transport: Any) -> str:
    """Return ``address:port`` of the other end of a connection."""
    address, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
    return f"{address}:{port}"


def handshake(transport: Any, error: BaseException) -> str | None:
    """Return the line for a handshake that ended with *error*; None when the client was not refused.

    A client that only connects and goes, as a port check does, was not refused.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
    elif isinstance(error, ssl.SSLError) and error.reason:
        reason = error.reason.lower().replace("_", " ")
    else:
        return None
    return f"refused {peer(transport)}: TLS handshake: {reason}"


def usage(transport: Any, subject: str) -> str:
    """Return the line for a certificate that serves for more than being a client."""
    return f"refused {peer(transport)}: TLS handshake: certificate of {subject or 'no subject'} is not only for clients"


def call(path: str, error: GRPCError, identity: Identity) -> str | None:
    """Return the line for a call that ended with *error*; None when it was not refused for who called."""
    if error.status not in REFUSALS:
        return None
    roles = ",".join(sorted(identity.organizations))
    return f"{REFUSALS[error.status]} [{path}] {error.message} (peer={identity.address};roles={roles})"
