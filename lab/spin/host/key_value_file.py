# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key-value stores of an app: one SQLite file for each, as Spin keeps them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
)
"""
#: Seconds to wait for another writer of the same file.
_BUSY_SECONDS = 5.0


class KeyValueFiles:
    """The files behind the labels of an app's stores.

    A file is opened when a component first opens its store. Every change is on disk when its call returns.
    *paths* label -> file.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)
        self._connections: dict[Path, sqlite3.Connection] = {}
        self._lock = threading.Lock()

    def __contains__(self, label: object) -> bool:
        return label in self._paths

    def get(self, label: str, key: str) -> bytes | None:
        """Return a value, None when there is none; raises ``sqlite3.Error``."""
        rows = self._execute(label, "SELECT value FROM spin_key_value WHERE store = ? AND key = ?", key)
        return bytes(rows[0][0]) if rows else None

    def set(self, label: str, key: str, value: bytes) -> None:
        """Keep a value; raises ``sqlite3.Error``."""
        statement = (
            "INSERT INTO spin_key_value (store, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (store, key) DO UPDATE SET value = excluded.value"
        )
        self._execute(label, statement, key, value)

    def delete(self, label: str, key: str) -> None:
        """Remove a value if there is one; raises ``sqlite3.Error``."""
        self._execute(label, "DELETE FROM spin_key_value WHERE store = ? AND key = ?", key)

    def keys(self, label: str) -> list[str]:
        """Return all keys; raises ``sqlite3.Error``."""
        rows = self._execute(label, "SELECT key FROM spin_key_value WHERE store = ? ORDER BY key")
        return [str(row[0]) for row in rows]

    def increment(self, label: str, key: str, delta: int) -> int:
        """Add *delta* to a number in one step and return the sum; raises ``sqlite3.Error`` or ``ValueError``."""
        with self._lock, self._connection(label) as connection:
            connection.execute("BEGIN IMMEDIATE")
            statement = "SELECT value FROM spin_key_value WHERE store = ? AND key = ?"
            row = connection.execute(statement, (label, key)).fetchone()
            total = (int(row[0]) if row else 0) + delta
            statement = "INSERT OR REPLACE INTO spin_key_value (store, key, value) VALUES (?, ?, ?)"
            connection.execute(statement, (label, key, str(total).encode()))
        return total

    def _execute(self, label: str, statement: str, *values: str | bytes) -> list[tuple[Any, ...]]:
        with self._lock, self._connection(label) as connection:
            return connection.execute(statement, (label, *values)).fetchall()

    def _connection(self, label: str) -> sqlite3.Connection:
        path = self._paths[label]
        if path not in self._connections:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
            connection.execute(_SCHEMA)
            connection.commit()
            self._connections[path] = connection
        return self._connections[path]
