# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed connection means, in an operator's words.

Source: siderolabs/talos:internal/app/apid/ (client certificates), issues siderolabs/talos#8442, #9241
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

from ansible_collections.homelab.talos.plugins.module_utils.talos.errors import (
    CertificateRefused,
    MaintenanceMode,
    NotInMaintenance,
    TalosError,
    Unreachable,
)

# OpenSSL's X509_V_ERR_* numbers
# 7 and 30: every cluster names its CA alike (O=talos), so another one is tried first and does not fit
_UNKNOWN_AUTHORITY = frozenset({7, 18, 19, 20, 21, 30})
_NOT_YET_VALID = 9
_EXPIRED = 10
_WRONG_NAME = frozenset({62, 64})

UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"

_CLIENT_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_EXPIRED",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_UNKNOWN",
    "UNSUPPORTED_CERTIFICATE",
    "ACCESS_DENIED",
    "DECRYPT_ERROR",
    "HANDSHAKE_FAILURE",
)


def is_unknown_authority(error: BaseException) -> bool:
    """Say whether we refused the node's certificate because our CA did not sign it."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _UNKNOWN_AUTHORITY


def explain(endpoint: str, error: BaseException, insecure: bool, timeout: float) -> TalosError:
    """Return the typed error for a connection to `endpoint` that failed with `error`.

    `insecure` tells that no client certificate was presented, `timeout` (seconds) how long we tried.
    """
    if isinstance(error, TalosError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return _node_refused(endpoint, error)
    if isinstance(error, ssl.SSLError):
        return _handshake_failed(endpoint, error, insecure)
    if isinstance(error, TimeoutError) and error.errno is None:
        return Unreachable(endpoint, f"no connection within {timeout:g} s")
    if isinstance(error, socket.gaierror):
        return Unreachable(endpoint, f"the name cannot be resolved: {error.strerror}", remedy="give a literal address")
    if isinstance(error, OSError):
        return Unreachable(endpoint, _reason(error))
    return Unreachable(
        endpoint, "what listens there does not speak HTTP/2", remedy="check address and port of the Talos API"
    )


def in_maintenance(endpoint: str) -> MaintenanceMode:
    """Return the error of a client with a talosconfig at a node that waits for its configuration."""
    return MaintenanceMode(endpoint, f"the node is in maintenance mode ({UNKNOWN_AUTHORITY})")


def _node_refused(endpoint: str, error: ssl.SSLCertVerificationError) -> TalosError:
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return CertificateRefused(
            endpoint,
            f"the node does not belong to the cluster of the talosconfig: {UNKNOWN_AUTHORITY}",
            remedy="use the talosconfig of this node's cluster, or check the address; "
            "a node in maintenance mode needs a configuration first",
        )
    if error.verify_code in _WRONG_NAME:
        return CertificateRefused(
            endpoint,
            "the node's certificate is not valid for this address",
            remedy="connect to an address of the node, or add this one to machine.certSANs",
        )
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        state = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        return CertificateRefused(
            endpoint, f"the node's certificate {state}", remedy="compare the clocks of the node and of this machine"
        )
    return CertificateRefused(endpoint, f"the node's certificate cannot be verified: {error.verify_message}")


def _handshake_failed(endpoint: str, error: ssl.SSLError, insecure: bool) -> TalosError:
    reason = error.reason or ""
    alert = next((name for name in _CLIENT_CERTIFICATE_ALERTS if reason.endswith(name)), None)
    if alert is None:
        return Unreachable(
            endpoint,
            f"TLS handshake failed: {_words(reason) or error}",
            remedy="check that the Talos API listens at this address and port",
        )
    if insecure:
        return NotInMaintenance(endpoint, f"the node wants a client certificate (tls: {_words(alert)})")
    if alert == "CERTIFICATE_EXPIRED":
        return CertificateRefused(
            endpoint,
            "the node says that the client certificate has expired or is not valid yet",
            remedy="create a new talosconfig, or compare the clocks of the node and of this machine",
        )
    return CertificateRefused(endpoint, f"the node does not accept the client certificate (tls: {_words(alert)})")


def _words(reason: str) -> str:
    return reason.replace("_", " ").lower()


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionResetError) or error.errno == errno.EPIPE:
        return "the connection was closed while it was set up"
    return os.strerror(error.errno).lower() if error.errno else str(error) or type(error).__name__
