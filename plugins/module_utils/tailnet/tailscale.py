# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tailscale's API v2.

Source: tailscale/tailscale-client-go-v2:devices.go, keys.go, oauth.go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.answer import Answer
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.http_api import HttpApi
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.model import AuthKey, Device, KeyWish

DEFAULT_URL = "https://api.tailscale.com"
TOKEN_PATH = "/api/v2/oauth/token"
_ID_IN_KEY = re.compile(r"tskey-auth-(?P<id>[^-]+)-.+")


class Tailscale:
    """The coordination server of Tailscale, or one that speaks the same API.

    :param tailnet: name of the tailnet, ``-`` for the one the token belongs to.
    """

    def __init__(self, api: HttpApi, tailnet: str = "-") -> None:
        self._api = api
        self._tailnet = f"/api/v2/tailnet/{quote(tailnet, safe='')}"

    @property
    def name(self) -> str:
        """The server's URL."""
        return self._api.server

    def devices(self) -> list[Device]:
        """Return all devices; routes are told only when all fields are asked for."""
        return [
            _device(item) for item in self._api.get(f"{self._tailnet}/devices", {"fields": "all"}).objects("devices")
        ]

    def approve_routes(self, device_id: str, routes: Sequence[str]) -> None:
        """Make these the approved routes of a device, and no other."""
        path = f"/api/v2/device/{quote(device_id, safe='')}/routes"
        answer = self._api.post(path, {"routes": list(routes)}, repeatable=True)
        if set(answer.networks("enabledRoutes")) != set(routes):
            raise answer.nonsense("enabledRoutes", "is not what was asked for")

    def auth_keys(self) -> list[AuthKey]:
        """Return the keys for devices; each is asked for, because the list has only ids."""
        found = []
        for item in self._api.get(f"{self._tailnet}/keys").objects("keys"):
            if item.text("keyType") in ("", "auth"):
                found.append(_key(self._api.get(f"{self._tailnet}/keys/{quote(item.text('id', True), safe='')}")))
        return found

    def create_key(self, wish: KeyWish) -> AuthKey:
        """Make a key that needs no approval of the device."""
        create = {
            "reusable": wish.reusable,
            "ephemeral": wish.ephemeral,
            "preauthorized": True,
            "tags": list(wish.tags),
        }
        body = {
            "capabilities": {"devices": {"create": create}},
            "expirySeconds": wish.lifetime,
            "description": wish.description,
        }
        answer = self._api.post(f"{self._tailnet}/keys", body)
        answer.text("key", required=True)
        return _key(answer)

    def revoke_key(self, key_id: str) -> None:
        """Make a key unusable; one that is gone already is fine."""
        try:
            self._api.delete(f"{self._tailnet}/keys/{quote(key_id, safe='')}")
        except TailnetError as error:
            if error.status != 404:
                raise

    def is_about(self, key: AuthKey, secret: str) -> bool:
        """Return whether a known key is the one with that secret, which carries the id."""
        match = _ID_IN_KEY.fullmatch(secret)
        return match is not None and match["id"] == key.id


def _device(item: Answer) -> Device:
    last_seen = item.moment("lastSeen")
    # Newer answers say it outright; in older ones the time is left out while a device is connected.
    online = item.flag("connectedToControl") if "connectedToControl" in item.data else last_seen is None
    return Device(
        id=item.text("nodeId") or item.text("id", required=True),
        name=item.text("name", required=True),
        hostname=item.text("hostname"),
        addresses=item.texts("addresses"),
        tags=item.texts("tags"),
        online=online,
        last_seen=last_seen,
        key_expires=None if item.flag("keyExpiryDisabled") else item.moment("expires"),
        authorized=item.flag("authorized"),
        ephemeral=item.flag("isEphemeral"),
        advertised=item.networks("advertisedRoutes"),
        approved=item.networks("enabledRoutes"),
    )


def _key(answer: Answer) -> AuthKey:
    create = answer.object("capabilities").object("devices").object("create")
    return AuthKey(
        id=answer.text("id", required=True),
        tags=create.texts("tags"),
        reusable=create.flag("reusable"),
        ephemeral=create.flag("ephemeral"),
        revoked=answer.flag("invalid") or answer.moment("revoked") is not None,
        created=answer.moment("created"),
        expires=answer.moment("expires"),
        description=answer.text("description"),
        secret=answer.text("key"),
    )
