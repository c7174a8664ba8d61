# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a coordination server knows, whichever it is: devices with their routes, and keys."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError


@dataclass(frozen=True)
class Device:
    """One device of the tailnet.

    A route is *advertised* by the device, *approved* by the server, and *served* by the one device through which
    traffic for it goes.

    :ivar id: of the server, stable.
    :ivar name: in the tailnet's DNS, with or without its domain.
    :ivar hostname: what the device calls itself.
    :ivar online: whether it is connected to the server.
    :ivar last_seen: when it was, None when that is not known.
    :ivar key_expires: when it has to log in again, None for never.
    :ivar authorized: whether it may take part.
    :ivar ephemeral: whether it is forgotten soon after it went.
    :ivar serving: the routes it serves; None when the server does not say.
    """

    id: str
    name: str
    hostname: str
    addresses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    online: bool = False
    last_seen: datetime.datetime | None = None
    key_expires: datetime.datetime | None = None
    authorized: bool = True
    ephemeral: bool = False
    advertised: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    serving: tuple[str, ...] | None = None

    def is_called(self, name: str) -> bool:
        """Return whether the device has that id, name (with or without domain) or hostname."""
        wanted = name.lower().rstrip(".")
        own = self.name.lower().rstrip(".")
        return name == self.id or wanted in (own, own.partition(".")[0], self.hostname.lower())

    def is_expired(self, now: datetime.datetime) -> bool:
        """Return whether the device has to log in again."""
        return self.key_expires is not None and self.key_expires <= now

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: lists for tuples, RFC 3339 for times, an empty text for a time that is not known."""
        return {
            "id": self.id,
            "name": self.name,
            "hostname": self.hostname,
            "addresses": list(self.addresses),
            "tags": list(self.tags),
            "online": self.online,
            "last_seen": _text(self.last_seen),
            "key_expires": _text(self.key_expires),
            "authorized": self.authorized,
            "ephemeral": self.ephemeral,
            "advertised": list(self.advertised),
            "approved": list(self.approved),
            "serving": None if self.serving is None else list(self.serving),
        }


@dataclass(frozen=True)
class AuthKey:
    """A key with which a device joins.

    :ivar secret: the key itself; a server tells it once, when it makes the key.
    :ivar used: whether a key for one use has been used.
    :ivar revoked: whether the server refuses it for another reason.
    """

    id: str
    tags: tuple[str, ...] = ()
    reusable: bool = False
    ephemeral: bool = False
    used: bool = False
    revoked: bool = False
    created: datetime.datetime | None = None
    expires: datetime.datetime | None = None
    description: str = ""
    secret: str = field(default="", repr=False)

    def unusable(self, now: datetime.datetime) -> str:
        """Return why no device can join with the key, empty when one can."""
        if self.expires is not None and self.expires <= now:
            return f"it expired at {_text(self.expires)}"
        if self.used and not self.reusable:
            return "it has been used"
        return "it has been revoked" if self.revoked else ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data without the secret."""
        return {
            "id": self.id,
            "tags": list(self.tags),
            "reusable": self.reusable,
            "ephemeral": self.ephemeral,
            "used": self.used,
            "revoked": self.revoked,
            "created": _text(self.created),
            "expires": _text(self.expires),
            "description": self.description,
        }


@dataclass(frozen=True)
class KeyWish:
    """What a new key shall be.

    :ivar lifetime: in seconds.
    """

    tags: tuple[str, ...]
    lifetime: int
    reusable: bool = False
    ephemeral: bool = False
    description: str = ""


def device_called(devices: Sequence[Device], name: str) -> Device:
    """Return the one device of that id, name or hostname.

    :raises TailnetError: there is none, or there are several.
    """
    found = devices_called(devices, name)
    if len(found) == 1:
        return found[0]
    if found:
        raise TailnetError(
            f"device {name}",
            f"{len(found)} devices are called so: {', '.join(described(found))}",
            "remove those that are gone, or give the id",
        )
    known = ", ".join(sorted(device.hostname or device.name for device in devices)) or "none"
    raise TailnetError(
        f"device {name}", f"is not in the tailnet, which has: {known}", "check the name and that it joined"
    )


def devices_called(devices: Iterable[Device], name: str) -> list[Device]:
    """Return the devices of that id, name or hostname; an id that fits is the only answer."""
    found = [device for device in devices if device.is_called(name)]
    return [device for device in found if device.id == name] or found


def described(devices: Iterable[Device]) -> list[str]:
    """Return each device as ``name (id 7, online)``, so that two of one name can be told apart."""
    return [f"{each.name} (id {each.id}, {'online' if each.online else 'offline'})" for each in devices]


def _text(moment: datetime.datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
