# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spin's own interfaces, and those of WASI that stand for the same: key-value stores and variables.

Source: spinframework/spin:wit (fermyon:spin@2.0.0), WebAssembly/wasi-keyvalue, WebAssembly/wasi-runtime-config.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.guest import Guest
from ansible_collections.homelab.talos.lab.spin.host.values import Case, Err, Ok, Record, Resource

_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Store(Resource):
    """An open key-value store of Spin."""

    wit = "fermyon:spin/key-value store"

    def __init__(self, label: str) -> None:
        self.label = label


class Bucket(Store):
    """An open key-value store of WASI."""

    wit = "bucket"


def _open(kind: type[Store]) -> Callable[[Guest, str], Ok | Err]:
    def open_store(guest: Guest, label: str) -> Ok | Err:
        if label not in guest.permissions.key_value_stores:
            return Err(Case("access-denied"))
        if label not in guest.surroundings.stores:
            return Err(Case("no-such-store"))
        return Ok(kind(label))

    return open_store


def _stored(call: Callable[..., Any]) -> Callable[..., Ok | Err]:
    """Make the errors of a store those of the interface."""

    def guarded(*arguments: Any) -> Ok | Err:
        try:
            return Ok(call(*arguments))
        except (sqlite3.Error, OSError, ValueError) as error:
            return Err(Case("other", str(error)))

    return guarded


_get = _stored(lambda guest, store, key: guest.surroundings.stores.get(store.label, key))
_set = _stored(lambda guest, store, key, value: guest.surroundings.stores.set(store.label, key, value))
_delete = _stored(lambda guest, store, key: guest.surroundings.stores.delete(store.label, key))
_exists = _stored(lambda guest, store, key: guest.surroundings.stores.get(store.label, key) is not None)
_keys = _stored(lambda guest, store: guest.surroundings.stores.keys(store.label))
_all_keys = _stored(lambda guest, store, _cursor: Record(keys=guest.surroundings.stores.keys(store.label), cursor=None))
_increment = _stored(lambda guest, store, key, delta: guest.surroundings.stores.increment(store.label, key, delta))


@_stored
def _get_many(guest: Guest, store: Bucket, keys: list[str]) -> list[tuple[str, bytes | None]]:
    return [(key, guest.surroundings.stores.get(store.label, key)) for key in keys]


@_stored
def _set_many(guest: Guest, store: Bucket, pairs: list[tuple[str, bytes]]) -> None:
    for key, value in pairs:
        guest.surroundings.stores.set(store.label, key, value)


@_stored
def _delete_many(guest: Guest, store: Bucket, keys: list[str]) -> None:
    for key in keys:
        guest.surroundings.stores.delete(store.label, key)


def _variable(guest: Guest, name: str) -> Ok | Err:
    if not _VARIABLE_NAME.fullmatch(name):
        return Err(Case("invalid-name", f"{name!r} is no name of a variable: use lower case, digits and underscores"))
    if name not in guest.permissions.variables:
        return Err(Case("undefined", f"component {guest.permissions.component} has no variable {name}"))
    return Ok(guest.permissions.variables[name])


INTERFACES: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "fermyon:spin/key-value@2.0.0": {
        "[static]store.open": _open(Store),
        "[method]store.get": _get,
        "[method]store.set": _set,
        "[method]store.delete": _delete,
        "[method]store.exists": _exists,
        "[method]store.get-keys": _keys,
    },
    "fermyon:spin/variables@2.0.0": {"get": _variable},
    "wasi:keyvalue/store@0.2.0-draft2": {
        "open": _open(Bucket),
        "[method]bucket.get": _get,
        "[method]bucket.set": _set,
        "[method]bucket.delete": _delete,
        "[method]bucket.exists": _exists,
        "[method]bucket.list-keys": _all_keys,
    },
    "wasi:keyvalue/batch@0.2.0-draft2": {
        "get-many": _get_many,
        "set-many": _set_many,
        "delete-many": _delete_many,
    },
    "wasi:keyvalue/atomics@0.2.0-draft2": {"increment": _increment},
    "wasi:config/store@0.2.0-draft-2024-09-27": {
        "get": lambda guest, key: Ok(guest.permissions.variables.get(key)),
        "get-all": lambda guest: Ok(sorted(guest.permissions.variables.items())),
    },
}
