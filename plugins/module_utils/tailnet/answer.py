# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the answers of a server: what does not have its documented form is refused, with the place."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.tailnet.errors import TailnetError
from ansible_collections.homelab.talos.plugins.module_utils.tailnet.networks import in_order

# What Go writes for a time that is not set.
_ZERO_YEAR = 1


class Answer:
    """One JSON object of an answer.

    :param server: whom to blame.
    :param place: where the object is, such as ``devices[0]``.
    :raises TailnetError: it is no object.
    """

    def __init__(self, server: str, place: str, data: Any) -> None:
        self.server = server
        self.place = place
        if not isinstance(data, Mapping):
            raise self.nonsense("", "is no object")
        self.data = data

    def nonsense(self, key: str, what: str) -> TailnetError:
        """Return the error about one key."""
        place = ".".join(part for part in (self.place, key) if part) or "it"
        return TailnetError(
            self.server, f"the answer makes no sense: {place} {what}", "check the URL and the kind of the server"
        )

    def text(self, key: str, required: bool = False) -> str:
        """Return a text, empty when it is missing or null; a number is one too."""
        value = self.data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value in (None, "") and required:
            raise self.nonsense(key, "is missing")
        if value is not None and not isinstance(value, str):
            raise self.nonsense(key, "is no text")
        return value or ""

    def flag(self, key: str) -> bool:
        """Return a truth value, false when it is missing or null."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.nonsense(key, "is neither true nor false")
        return bool(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty when it is missing or null."""
        values = self.items(key)
        if not all(isinstance(value, str) for value in values):
            raise self.nonsense(key, "is no list of texts")
        return tuple(values)

    def networks(self, key: str) -> tuple[str, ...]:
        """Return a list of networks, in order."""
        try:
            return in_order(self.texts(key))
        except ValueError:
            raise self.nonsense(key, "holds something that is no network") from None

    def items(self, key: str, required: bool = False) -> list[Any]:
        """Return a list, empty when it is missing or null unless it is required."""
        value = self.data.get(key)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            raise self.nonsense(key, "is no list")
        return value

    def objects(self, key: str) -> list[Answer]:
        """Return a list of objects, which must be there."""
        values = self.items(key, required=True)
        return [Answer(self.server, f"{key}[{index}]", value) for index, value in enumerate(values)]

    def object(self, key: str) -> Answer:
        """Return an object, which must be there."""
        return Answer(self.server, key, self.data.get(key))

    def moment(self, key: str) -> datetime.datetime | None:
        """Return a time in UTC, None when it is missing, null or Go's zero."""
        value = self.text(key)
        if not value:
            return None
        try:
            found = datetime.datetime.fromisoformat(value)
            found = found.replace(tzinfo=found.tzinfo or datetime.UTC)
            # A zero time cannot be moved to another zone.
            return None if found.year == _ZERO_YEAR else found.astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            raise self.nonsense(key, "is no time") from None
