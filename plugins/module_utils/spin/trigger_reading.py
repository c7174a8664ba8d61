# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the triggers of a manifest.

Source: spinframework/spin:crates/manifest/src/normalize.rs, crates/http/src/config.rs
"""

from __future__ import annotations

import itertools
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.component_reading import read_component
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import (
    HTTP,
    REDIS,
    Component,
    Manifest,
    Trigger,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.routes import RouteError, normal_route
from ansible_collections.homelab.talos.plugins.module_utils.spin.toml_table import TomlTable

EXECUTORS = ("http", "spin", "wagi")
_EXAMPLE = 'write [[trigger.http]] with route = "/..." and component = "<id>"'


def read_triggers(top: TomlTable, components: dict[str, Component]) -> list[Trigger]:
    """Return all triggers with their ids; components that are written within them are added to ``components``.

    :raises ManifestInvalid: one is wrong, or there is none.
    """
    outer = top.table("trigger")
    tables = [(kind, table) for kind in outer.content for table in outer.list_of_tables(kind)] if outer else []
    if not tables:
        raise top.refused("trigger", "is missing: nothing calls the application", _EXAMPLE)
    ids = _ids(tables)
    return [_trigger(kind, table, identity, components) for (kind, table), identity in zip(tables, ids, strict=True)]


def check_routes(manifest: Manifest) -> None:
    """Refuse routes of a manifest that are none, and two that are the same.

    :raises ManifestInvalid: there is such a route.
    """
    seen: dict[str, Trigger] = {}
    for trigger in manifest.triggers:
        route = trigger.config.get("route")
        if trigger.type != HTTP or not isinstance(route, str):
            continue
        where = f"{manifest.file}: trigger.http {trigger.id}: route {route!r}"
        try:
            normal = normal_route(route)
        except RouteError as error:
            raise ManifestInvalid(where, str(error), "write it like /path, /path/... or /path/:name") from None
        if normal in seen:
            other = seen[normal]
            cause = f"answers the same requests as route {other.config['route']!r} of {other.id}"
            raise ManifestInvalid(where, cause, "give one of them another route")
        seen[normal] = trigger


def _ids(tables: list[tuple[str, TomlTable]]) -> list[str]:
    """Return the id of each trigger; those without one get the ids that Spin makes."""
    given = [table.text("id") for _kind, table in tables]
    for identity, (_kind, table) in zip(given, tables, strict=True):
        if identity and given.count(identity) > 1:
            raise table.refused("id", f"is {identity!r}, as that of another trigger", "give each trigger its own id")
    taken = set(given)
    ids = []
    for (kind, table), identity in zip(tables, given, strict=True):
        ids.append(identity or _made_id(kind, table.any("component"), taken))
        taken.add(ids[-1])
    return ids


def _made_id(kind: str, component: Any, taken: set[str]) -> str:
    natural = f"{component}-{kind}-trigger"
    if isinstance(component, str) and natural not in taken:
        return natural
    return next(name for number in itertools.count(1) if (name := f"{kind}-trigger{number}") not in taken)


def _trigger(kind: str, table: TomlTable, identity: str, components: dict[str, Component]) -> Trigger:
    component = _component_of(table, identity, components)
    if table.has("dependencies") or table.has("components"):
        name = "dependencies" if "dependencies" in table.content else "components"
        raise table.refused(name, "needs Spin 4", "remove it: runtimes of clusters carry Spin 3")
    if kind == HTTP:
        config = _http(table, component)
    else:
        if not component:
            raise table.refused("component", "is missing", 'write component = "<id>"')
        if kind == REDIS:
            config = {"channel": table.text("channel", required=True)}
            config |= {"address": table.text("address")} if table.has("address") else {}
            table.end()
        else:
            config = {key: table.any(key) for key in table.content if key not in ("id", "component")}
    return Trigger(identity, kind, component, config)


def _component_of(table: TomlTable, identity: str, components: dict[str, Component]) -> str:
    if not isinstance(table.any("component"), dict):
        return table.text("component")
    inner = table.table("component")
    name = f"{identity}-component"
    counter = 1
    while name in components:
        name = f"inline-component{counter}"
        counter += 1
    if inner is not None:
        components[name] = read_component(inner, name)
    return name


def _http(table: TomlTable, component: str) -> dict[str, Any]:
    config: dict[str, Any] = {"route": _route(table)}
    executor = table.table("executor")
    if executor is not None:
        config["executor"] = _executor(executor)
    static = table.table("static_response")
    if bool(component) == (static is not None):
        cause = "has both component and static_response" if component else "has neither component nor static_response"
        raise table.refused("", cause, "write one of them")
    if static is not None:
        config["static_response"] = _static_response(static)
    table.end()
    return config


def _route(table: TomlTable) -> str | dict[str, bool]:
    if not isinstance(table.any("route"), dict):
        return table.text("route", required=True, remedy='write route = "/..."')
    inner = table.table("route")
    if inner is None or not inner.truth("private"):
        raise table.refused("route", "is neither a text nor { private = true }", 'write route = "/..."')
    inner.end()
    return {"private": True}


def _executor(table: TomlTable) -> dict[str, str]:
    kind = table.text("type", required=True)
    if kind not in EXECUTORS:
        raise table.refused("type", f"is {kind!r}", f"choose from {', '.join(EXECUTORS)}")
    executor = {"type": kind}
    if kind == "wagi":
        executor |= {key: table.text(key) for key in ("argv", "entrypoint") if table.has(key)}
    table.end()
    return executor


def _static_response(table: TomlTable) -> dict[str, Any]:
    status, body = table.number("status_code"), table.optional_text("body")
    if status is not None and not 100 <= status <= 599:
        raise table.refused("status_code", f"is {status}", "write a status of HTTP, such as 200")
    response: dict[str, Any] = {"headers": table.text_map("headers")} if table.has("headers") else {}
    response |= {} if status is None else {"status_code": status}
    response |= {} if body is None else {"body": body}
    table.end()
    return response
