# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locked application: the manifest as JSON with every file named by its digest.

The same manifest and files give the same bytes.

Source: spinframework/spin:crates/locked-app/src/locked.rs, crates/loader/src/local.rs
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import Component, Manifest, Trigger
from ansible_collections.homelab.talos.plugins.module_utils.spin.outbound_hosts import is_chained

# Files up to this size are within the locked application: registries have trouble with very small blobs.
INLINE_BYTES = 128


def digest_of(data: bytes) -> str:
    """Return the digest of bytes as OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_inline(data: bytes) -> bool:
    """Tell whether a file is small enough to be within the locked application."""
    return len(data) <= INLINE_BYTES


def locked_app(
    manifest: Manifest, wasm: Mapping[str, bytes], files: Mapping[str, Mapping[str, bytes]]
) -> dict[str, Any]:
    """Return the locked application.

    :param wasm: WebAssembly by the id of its component.
    :param files: static files by the id of their component and their path.
    """
    components = [_component(each, wasm[each.id], files[each.id]) for each in manifest.components.values()]
    needs_host = any("host_requirements" in each for each in components)
    return {
        "spin_lock_version": 1 if needs_host else 0,
        **({"must_understand": ["component_host_requirements"]} if needs_host else {}),
        "metadata": _metadata(manifest),
        **_filled("variables", {name: _variable(each) for name, each in manifest.variables.items()}),
        "triggers": [_trigger(each) for each in manifest.triggers],
        "components": components,
    }


def _metadata(manifest: Manifest) -> dict[str, Any]:
    application = manifest.application
    metadata: dict[str, Any] = {"name": application.name}
    for key in ("version", "description"):
        metadata |= _filled(key, getattr(application, key))
    metadata |= _filled("authors", list(application.authors))
    metadata["triggers"] = application.trigger_settings
    types = {trigger.type for trigger in manifest.triggers}
    if len(types) == 1:
        (kind,) = types
        # Hosts of old read the settings of the only type from here.
        metadata["trigger"] = {**application.trigger_settings.get(kind, {}), "type": kind}
    return metadata


def _variable(variable: Any) -> dict[str, Any]:
    locked = {key: getattr(variable, key) for key in ("description", "default")}
    kept: dict[str, Any] = {key: value for key, value in locked.items() if value is not None}
    return {**kept, "secret": True} if variable.secret else kept


def _trigger(trigger: Trigger) -> dict[str, Any]:
    config = {**trigger.config, **_filled("component", trigger.component)}
    return {"id": trigger.id, "trigger_type": trigger.type, "trigger_config": config}


def _component(component: Component, wasm: bytes, files: Mapping[str, bytes]) -> dict[str, Any]:
    chained = any(is_chained(entry) for entry in component.allowed_outbound_hosts)
    return {
        "id": component.id,
        **_filled("metadata", _grants(component)),
        "source": {"content_type": "application/wasm", **_content(wasm)},
        **_filled("env", component.environment),
        **_filled("files", [{**_content(data), "path": path} for path, data in files.items()]),
        **_filled("config", component.variables),
        **({"host_requirements": {"local_service_chaining": "required"}} if chained else {}),
    }


def _grants(component: Component) -> dict[str, Any]:
    lists: Iterable[tuple[str, tuple[str, ...]]] = (
        ("allowed_outbound_hosts", component.allowed_outbound_hosts),
        ("key_value_stores", component.key_value_stores),
        ("databases", component.sqlite_databases),
        ("ai_models", component.ai_models),
    )
    grants: dict[str, Any] = _filled("description", component.description)
    for key, values in lists:
        grants |= _filled(key, list(values))
    if component.build is not None:
        commands = component.build.commands
        command = commands[0] if len(commands) == 1 else list(commands)
        grants["build"] = {"command": command, **_filled("workdir", component.build.workdir)}
    return grants


def _content(data: bytes) -> dict[str, str]:
    content = {"digest": digest_of(data)}
    if is_inline(data):
        # Spin reads base64 without padding only.
        content["inline"] = base64.b64encode(data).decode().rstrip("=")
    return content


def _filled(key: str, value: Any) -> dict[str, Any]:
    """Return the entry, nothing when its value is empty: so are locked applications of Spin."""
    return {key: value} if value else {}
