# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime configuration of an app (``/runtime-config.toml``): where its stores are.

Source: spinframework/spin:crates/runtime-config, crates/key-value-spin.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal

DEFAULT_LABEL = "default"
_STATE_DIRECTORY = ".spin"
_FILE_NAME = "sqlite_key_value.db"


@dataclass(frozen=True)
class RuntimeConfig:
    """Parameters: *stores* label -> file; *providers* of variables, in their order."""

    stores: Mapping[str, Path] = field(default_factory=dict)
    providers: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def read(cls, path: Path, root: Path) -> RuntimeConfig:
        """Read the file at *path*, which may be missing; paths in it are below *root*.

        Raises :class:`Refusal`.
        """
        content: dict[str, Any] = {}
        if path.is_file():
            try:
                content = tomllib.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise Refusal(f"{path} cannot be read: {error}") from None
        state = root / str(content.get("state_dir") or _STATE_DIRECTORY)
        stores = {DEFAULT_LABEL: state / _FILE_NAME}
        for label, store in (content.get("key_value_store") or {}).items():
            if store.get("type") != "spin":
                raise Refusal(
                    f"{path}: key-value store {label} has type {store.get('type')!r}: this host has spin only"
                )
            stores[label] = root / str(store["path"]) if store.get("path") else state / _FILE_NAME
        providers = content.get("variables_provider") or content.get("config_provider") or []
        return cls(stores, providers)
