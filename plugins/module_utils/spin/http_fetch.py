# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching a file that a manifest names by its address; its digest is checked by who asked for it."""

from __future__ import annotations

import importlib

from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ContentInvalid

_LARGEST = 1 << 30
_CHUNK = 1 << 20


def fetch(url: str, timeout: float = 30.0) -> bytes:
    """Return what is at an address.

    :param timeout: limit in seconds for connecting, and between two parts of the answer.
    :raises ContentInvalid: it cannot be had, or is larger than 1 GiB.
    """
    try:
        requests = importlib.import_module("requests")
    except ImportError:
        raise ContentInvalid(url, "the Python package requests is not installed", "pip install requests") from None
    try:
        with requests.get(url, stream=True, timeout=(timeout, timeout)) as answer:
            if answer.status_code != 200:
                raise ContentInvalid(url, f"is answered with {answer.status_code}", "check the address")
            parts = bytearray()
            for part in answer.iter_content(_CHUNK):
                parts += part
                if len(parts) > _LARGEST:
                    raise ContentInvalid(url, "is larger than 1 GiB", "check the address")
            return bytes(parts)
    except requests.exceptions.RequestException as error:
        reason = " ".join(str(error).split()).rsplit(": ", 1)[-1].rstrip(")'\"")
        raise ContentInvalid(url, f"cannot be fetched: {reason}", "check the address and the network") from None
