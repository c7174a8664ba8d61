# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""headscale's API v1, of 0.29 and of the releases that dropped gRPC.

Source: juanfont/headscale:proto/headscale/v1 (v0.29.2), hscontrol/api/v1.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from urllib.parse import quote

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.answer import Answer
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.http_api import HttpApi
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey, Device, KeyWish

# Stands for what the server does not tell of a key any more.
_MASK = "***"


class Headscale:
    """A headscale server.

    :param now: the time from which a new key's lifetime counts: the server wants its end.
    """

    def __init__(self, api: HttpApi, now: Callable[[], datetime.datetime]) -> None:
        self._api = api
        self._now = now

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._api.server

    def devices(self) -> list[Device]:
        """Return all devices. Only the list tells which routes each of them serves."""
        return [_device(item) for item in self._api.get("/api/v1/node").objects("nodes")]

    def approve_routes(self, device_id: str, routes: Sequence[str]) -> None:
        """Make these the approved routes of a device, and no other."""
        path = f"/api/v1/node/{quote(device_id, safe='')}/approve_routes"
        node = self._api.post(path, {"routes": list(routes)}, repeatable=True).object("node")
        if set(node.networks("approvedRoutes")) != set(routes):
            raise node.nonsense("approvedRoutes", "is not what was asked for")

    def auth_keys(self) -> list[AuthKey]:
        """Return the keys that the server still knows."""
        return [_key(item) for item in self._api.get("/api/v1/preauthkey").objects("preAuthKeys")]

    def create_key(self, wish: KeyWish) -> AuthKey:
        """Make a key. A device that joins with it belongs to its tags, not to a user; a description is not kept."""
        body = {
            "reusable": wish.reusable,
            "ephemeral": wish.ephemeral,
            "expiration": (self._now() + datetime.timedelta(seconds=wish.lifetime)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aclTags": list(wish.tags),
        }
        made = self._api.post("/api/v1/preauthkey", body).object("preAuthKey")
        made.text("key", required=True)
        return _key(made)

    def revoke_key(self, key_id: str) -> None:
        """Make a key unusable; one that is gone already is fine."""
        try:
            self._api.post("/api/v1/preauthkey/expire", {"id": key_id}, repeatable=True)
        except TailnetError as error:
            if error.status != 404:
                raise

    def is_about(self, key: AuthKey, secret: str) -> bool:
        """Return whether a known key is the one with that secret, of which the server still tells the beginning."""
        beginning, mask, _rest = key.secret.partition(_MASK)
        return secret.startswith(beginning) if mask and beginning else bool(secret) and secret == key.secret


def _device(item: Answer) -> Device:
    key = item.data.get("preAuthKey")
    return Device(
        id=item.text("id", required=True),
        name=item.text("givenName") or item.text("name", required=True),
        hostname=item.text("name"),
        addresses=item.texts("ipAddresses"),
        tags=item.texts("tags"),
        online=item.flag("online"),
        last_seen=item.moment("lastSeen"),
        key_expires=item.moment("expiry"),
        ephemeral=item.object("preAuthKey").flag("ephemeral") if key else False,
        advertised=item.networks("availableRoutes"),
        approved=item.networks("approvedRoutes"),
        serving=item.networks("subnetRoutes"),
    )


def _key(item: Answer) -> AuthKey:
    return AuthKey(
        id=item.text("id", required=True),
        tags=item.texts("aclTags"),
        reusable=item.flag("reusable"),
        ephemeral=item.flag("ephemeral"),
        used=item.flag("used"),
        created=item.moment("createdAt"),
        expires=item.moment("expiration"),
        secret=item.text("key"),
    )
