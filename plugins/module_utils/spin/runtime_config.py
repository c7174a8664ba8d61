# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime configuration of an application: where its stores are, as the TOML that the runtime reads.

Source: spinframework/spin:crates/runtime-config/src/lib.rs, spinframework/spin-operator:internal/runtimeconfig
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.homelab.talos.plugins.module_utils.spin.names import VARIABLE_PREFIX


@dataclass(frozen=True)
class Store:
    """A key-value store or an SQLite database.

    :ivar name: label that components ask for, such as ``default``.
    :ivar type: such as ``spin`` or ``redis``.
    :ivar options: such as ``path`` or ``url``.
    """

    name: str
    type: str
    options: Mapping[str, str] = field(default_factory=dict)


def runtime_config(key_value: Sequence[Store], sqlite: Sequence[Store]) -> str:
    """Return the TOML; variables always come from the environment, as the operator has it."""
    tables = ['[[config_provider]]\ntype = "env"\n' + f'prefix = "{VARIABLE_PREFIX}"\n']
    for kind, stores in (("key_value_store", key_value), ("sqlite_database", sqlite)):
        tables += [_table(kind, store) for store in sorted(stores, key=lambda store: store.name)]
    return "\n".join(tables)


def content_name(app: str, content: str, what: str = "") -> str:
    """Return the name of a secret with this content: another content has another name, and so new pods.

    :param what: tells secrets of one application apart; the runtime configuration has none.
    """
    infix = f"-{what}" if what else ""
    return f"{app}{infix}-{zlib.adler32(content.encode()):08x}"


def _table(kind: str, store: Store) -> str:
    values = {"type": store.type, **store.options}
    lines = [f"{_quoted(key)} = {_quoted(str(values[key]))}" for key in sorted(values)]
    return "\n".join([f"[{kind}.{_quoted(store.name)}]", *lines, ""])


def _quoted(text: str) -> str:
    """Return a basic string of TOML; what JSON escapes is what TOML escapes, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
