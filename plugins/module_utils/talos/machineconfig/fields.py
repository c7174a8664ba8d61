# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of a mapping written by an operator, with errors of one line.

Every error names the owner (a host or the cluster), the key, what is wrong and what to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.suggestion import did_you_mean


class DefinitionError(Exception):
    """An inventory value that cannot be used; one line with host, key, cause and remedy."""

    def __init__(self, owner: str, key: str, cause: str, remedy: str = "") -> None:
        self.owner = owner
        self.key = key
        self.cause = cause
        self.remedy = remedy
        text = f"{owner}: {key}: {cause}" if key else f"{owner}: {cause}"
        super().__init__(f"{text}; {remedy}" if remedy else text)


class Fields:
    """Typed access to a mapping.

    :param owner: who is meant in an error, such as ``host cp1``.
    :param prefix: path of the mapping in front of each key, such as ``talos_cluster``.
    :param data: the mapping.
    :param known: the keys that may occur.
    :raises DefinitionError: ``data`` is not a mapping or holds an unknown key.
    """

    def __init__(self, owner: str, prefix: str, data: Any, known: Iterable[str]) -> None:
        self.owner = owner
        self.prefix = prefix
        if not isinstance(data, Mapping):
            raise DefinitionError(owner, prefix, f"expected a mapping, got {kind_of(data)}")
        self.data = plain(data)
        names = sorted(known)
        for key in data:
            if key not in names:
                raise self.error(str(key), "unknown key", did_you_mean(str(key), names))

    def error(self, key: str, cause: str, remedy: str = "") -> DefinitionError:
        """Return the error about one key of this mapping."""
        return DefinitionError(self.owner, self.path(key), cause, remedy)

    def path(self, key: str) -> str:
        """Return the whole path of a key, as an operator finds it in the inventory."""
        return f"{self.prefix}.{key}" if self.prefix else key

    def has(self, key: str) -> bool:
        """Return whether the key is given and not null."""
        return self.data.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; numbers are accepted and turned into text.

        :raises DefinitionError: it is missing without a default, or neither string nor number.
        """
        value = self.data.get(key)
        if value is None or value == "":
            if default is None:
                raise self.error(key, "is required")
            return default
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise self.error(key, f"expected a string, got {kind_of(value)}")
        return str(value)

    def choice(self, key: str, allowed: Iterable[str], default: str | None = None) -> str:
        """Return one of the allowed words."""
        words = list(allowed)
        value = self.text(key, default)
        if value not in words:
            raise self.error(key, f"{value!r} is none of {', '.join(words)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return a boolean."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {kind_of(value)}")
        return value

    def number(self, key: str, default: int | None = None, least: int = 0, most: int | None = None) -> int:
        """Return an integer between ``least`` and ``most``; text that holds one is accepted."""
        value = self.data.get(key)
        if value is None:
            if default is None:
                raise self.error(key, "is required")
            return default
        try:
            number = int(value) if not isinstance(value, (bool, float)) else None
        except (TypeError, ValueError):
            number = None
        if number is None:
            raise self.error(key, f"expected a whole number, got {kind_of(value)}")
        if number < least or (most is not None and number > most):
            limit = f"{least} to {most}" if most is not None else f"{least} or more"
            raise self.error(key, f"{number} is out of range", f"use {limit}")
        return number

    def items(self, key: str) -> tuple[Any, ...]:
        """Return a list, empty when the key is not given."""
        value = self.data.get(key)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise self.error(key, f"expected a list, got {kind_of(value)}", "put the value into brackets")
        return tuple(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, empty when the key is not given."""
        values = self.items(key)
        for value in values:
            if not isinstance(value, str):
                raise self.error(key, f"expected a list of strings, got {kind_of(value)} in it")
        return values

    def mapping(self, key: str) -> dict[str, Any]:
        """Return a mapping with string keys, empty when the key is not given."""
        value = self.data.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.error(key, f"expected a mapping, got {kind_of(value)}")
        return {str(name): item for name, item in value.items()}

    def text_mapping(self, key: str) -> dict[str, str]:
        """Return a mapping of strings; numbers become text, null becomes an empty string."""
        result = {}
        for name, value in self.mapping(key).items():
            if isinstance(value, (bool, Mapping, list, tuple)):
                raise self.error(f"{key}.{name}", f"expected a string, got {kind_of(value)}", "put it into quotes")
            result[name] = "" if value is None else str(value)
        return result

    def address(self, key: str, default: str | None = None) -> str:
        """Return an IP address; an empty default allows none."""
        value = self.text(key, default)
        if not value:
            return value
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise self.error(key, f"{value!r} is not an IP address", "write it like 198.18.1.11") from None

    def addresses(self, key: str) -> tuple[str, ...]:
        """Return a list of IP addresses."""
        result = []
        for value in self.texts(key):
            try:
                result.append(str(ipaddress.ip_address(value)))
            except ValueError:
                raise self.error(key, f"{value!r} is not an IP address", "write it like 198.18.1.1") from None
        return tuple(result)

    def subnet(self, key: str, default: str) -> str:
        """Return a CIDR; an empty default allows none."""
        value = self.text(key, default)
        return self._cidr(key, value) if value else value

    def subnets(self, key: str, default: Iterable[str]) -> tuple[str, ...]:
        """Return one or two CIDRs (two for a dual-stack cluster)."""
        values = self.texts(key) or tuple(default)
        if len(values) > 2:
            raise self.error(key, f"{len(values)} subnets are given", "at most two are allowed, one per address family")
        return tuple(self._cidr(key, value) for value in values)

    def _cidr(self, key: str, value: str) -> str:
        try:
            return str(ipaddress.ip_network(value))
        except ValueError as error:
            raise self.error(key, f"{value!r} is not a subnet: {error}", "write it like 10.244.0.0/16") from None


def plain(value: Any) -> Any:
    """Return a copy made of exact dict, list, str, int, float, bool and None.

    Ansible hands out subclasses of these that carry tags; a YAML dumper refuses them.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return str(value)


def kind_of(value: Any) -> str:
    """Return what a value is, in the words of an operator."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return "a string" if isinstance(value, str) else "something else"
