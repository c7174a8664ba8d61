# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app of one component that is made in the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.talos.lab.spin.host.app import App
from ansible_collections.homelab.talos.lab.spin.host.application import Application, Code, Trigger
from ansible_collections.homelab.talos.lab.spin.host.component import Limits
from ansible_collections.homelab.talos.lab.spin.host.runtime_config import RuntimeConfig
from ansible_collections.homelab.talos.lab.spin.runtime.artifact import Wasm
from ansible_collections.homelab.talos.lab.spin.runtime.compiling import compiled

MakeApp = Callable[..., App]


@pytest.fixture
def said() -> list[str]:
    """What components and the host wrote."""
    return []


@pytest.fixture
def make_app(tmp_path: Path, said: list[str]) -> MakeApp:
    """Return what makes an app of one component called ``one`` at ``/...``."""

    def make(
        content: bytes,
        *,
        kind: str = "component",
        metadata: Mapping[str, Any] | None = None,
        executor: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        environment: Mapping[str, str] | None = None,
        tolerant: bool = False,
        **locked: Any,
    ) -> App:
        code = Code(compiled(Wasm(content, kind), tmp_path), kind, tolerant)
        component = {"id": "one", "metadata": metadata or {}, **locked.pop("component", {})}
        application = Application(
            "test",
            {"name": "test"},
            locked.pop("variables", {}),
            {"one": component},
            [Trigger("one", "/...", executor or {})],
            {"one": code},
            locked.pop("files", {}),
        )
        config = RuntimeConfig.read(tmp_path / "runtime-config.toml", tmp_path)
        return App(
            application, config, environment or {}, limits or Limits(), lambda _name, text: said.append(text.decode())
        )

    return make
