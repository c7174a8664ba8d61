# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of a TOML file that is read key by key: types are checked, and what nobody asked for is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import did_you_mean
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid

# Keys that TOML takes without quotes.
_BARE = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)
_KINDS = {str: "a text", bool: "true or false", int: "a number", list: "a list", dict: "a table", float: "a number"}


class TomlTable:
    """One table.

    :param content: as ``tomllib`` gives it.
    :param file: name of the file, for errors.
    :param path: dotted key of the table, empty at the top.
    """

    def __init__(self, content: Mapping[str, Any], file: str, path: str = "") -> None:
        self.content = content
        self.file = file
        self.path = path
        self._asked: set[str] = set()

    def key(self, name: str) -> str:
        """Return the dotted key of an entry."""
        shown = name if _BARE.fullmatch(name) else json.dumps(name)
        return f"{self.path}.{shown}" if self.path else shown

    def refused(self, name: str, cause: str, remedy: str) -> ManifestInvalid:
        """Return the error about an entry; with an empty name about the table."""
        where = self.key(name) if name else self.path
        return ManifestInvalid(f"{self.file}: {where}" if where else self.file, cause, remedy)

    def has(self, name: str) -> bool:
        """Tell whether there is such an entry; that counts as asking for it."""
        self._asked.add(name)
        return name in self.content

    def any(self, name: str) -> Any:
        """Return an entry of any type, None when it is missing."""
        self._asked.add(name)
        return self.content.get(name)

    def text(self, name: str, *, required: bool = False, remedy: str = "") -> str:
        """Return a text, empty when it is missing.

        :param required: missing or empty is an error, with ``remedy``.
        """
        value = self._typed(name, str)
        if required and not value:
            cause = "is missing" if value is None else "is empty"
            raise self.refused(name, cause, remedy or f'write {name} = "..."')
        return value or ""

    def optional_text(self, name: str) -> str | None:
        """Return a text, None when it is missing."""
        value: str | None = self._typed(name, str)
        return value

    def truth(self, name: str) -> bool:
        """Return true or false, false when it is missing."""
        return bool(self._typed(name, bool))

    def number(self, name: str) -> int | None:
        """Return a whole number, None when it is missing."""
        value: int | None = self._typed(name, int)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty when it is missing."""
        values = self._typed(name, list) or []
        for value in values:
            if not isinstance(value, str):
                raise self.refused(name, f"holds {_kind(value)} where a text is expected", "put it in quotes")
        return tuple(values)

    def text_map(self, name: str) -> dict[str, str]:
        """Return a table of texts, empty when it is missing."""
        table = self.table(name)
        if table is None:
            return {}
        return {key: table.text(key) for key in table.content}

    def table(self, name: str) -> TomlTable | None:
        """Return a table, None when it is missing."""
        value = self._typed(name, dict)
        return None if value is None else TomlTable(value, self.file, self.key(name))

    def tables(self, name: str) -> dict[str, TomlTable]:
        """Return the tables within a table by name, empty when it is missing."""
        outer = self.table(name)
        if outer is None:
            return {}
        found = {}
        for key in outer.content:
            inner = outer.table(key)
            if inner is not None:
                found[key] = inner
        return found

    def list_of_tables(self, name: str) -> list[TomlTable]:
        """Return the tables of a list such as ``[[trigger.http]]``, empty when it is missing."""
        values = self._typed(name, list) or []
        for value in values:
            if not isinstance(value, dict):
                raise self.refused(
                    name, f"holds {_kind(value)} where a table is expected", f"write [[{self.key(name)}]]"
                )
        return [TomlTable(value, self.file, f"{self.key(name)}[{number}]") for number, value in enumerate(values)]

    def end(self) -> None:
        """Refuse entries that nobody asked for."""
        unknown = [name for name in self.content if name not in self._asked]
        if unknown:
            hint = did_you_mean(unknown[0], self._asked) or "remove it"
            raise self.refused(unknown[0], "is not known here", hint)

    def _typed(self, name: str, kind: type) -> Any:
        self._asked.add(name)
        value = self.content.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refused(name, f"is {_kind(value)}, not {_KINDS[kind]}", f"write {_KINDS[kind]}")
        return value


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a date")
