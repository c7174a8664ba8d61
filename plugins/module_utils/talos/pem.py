# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM labels of private keys.

Talos writes Ed25519 keys as a PKCS#8 body under the label ``ED25519 PRIVATE KEY``. OpenSSL and the ``cryptography``
package know that body only under ``PRIVATE KEY``. Source: siderolabs/crypto:x509/constants.go.
"""

from __future__ import annotations

_TALOS_LABEL = b"ED25519 PRIVATE KEY"
_STANDARD_LABEL = b"PRIVATE KEY"


def to_standard_label(pem: bytes) -> bytes:
    """Return ``pem`` with Talos' Ed25519 label replaced by the standard one; other text is left alone."""
    return _relabel(pem, _TALOS_LABEL, _STANDARD_LABEL)


def to_talos_label(pem: bytes) -> bytes:
    """Return ``pem`` with the standard PKCS#8 label replaced by Talos' Ed25519 one.

    Call it for Ed25519 keys only: the label, not the body, tells Talos' older readers the algorithm.
    """
    return _relabel(pem, _STANDARD_LABEL, _TALOS_LABEL)


def _relabel(pem: bytes, old: bytes, new: bytes) -> bytes:
    for edge in (b"BEGIN", b"END"):
        pem = pem.replace(b"-----" + edge + b" " + old + b"-----", b"-----" + edge + b" " + new + b"-----")
    return pem
