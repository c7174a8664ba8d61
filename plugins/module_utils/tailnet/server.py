# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every coordination server can do for this collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey, Device, KeyWish


class CoordinationServer(Protocol):
    """A tailnet's coordination server. Everything raises TailnetError for whatever goes wrong.

    :ivar name: its URL, for messages.
    """

    @property
    def name(self) -> str:
        """The server's URL."""

    def devices(self) -> list[Device]:
        """Return all devices with their routes."""

    def approve_routes(self, device_id: str, routes: Sequence[str]) -> None:
        """Make these the approved routes of a device, and no other."""

    def auth_keys(self) -> list[AuthKey]:
        """Return the keys that the server still knows, without their secrets."""

    def create_key(self, wish: KeyWish) -> AuthKey:
        """Make a key; only this answer has its secret."""

    def revoke_key(self, key_id: str) -> None:
        """Make a key unusable."""

    def is_about(self, key: AuthKey, secret: str) -> bool:
        """Return whether a known key is the one with that secret."""
