# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app as its artifact describes it, together with where the host's parts of it are.

Source: spinframework/spin:crates/locked-app/src/locked.rs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal

_UNDERSTOOD = {"host_requirements"}
_REQUIREMENTS = {"local_service_chaining"}


@dataclass(frozen=True)
class Code:
    """The compiled code of a component.

    Parameters: *path* of the file; *kind* component or module; *tolerant* when it imports more than it uses;
    *refusal* why there is none.
    """

    path: Path = Path()
    kind: str = "component"
    tolerant: bool = False
    refusal: str = ""


@dataclass(frozen=True)
class Trigger:
    """A way into the app: requests to *route* go to *component*; *executor* is http or wagi, with its options."""

    component: str
    route: str
    executor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """Parameters: *name*; *variables* and *components* as in the locked app; *triggers*; *code* by component."""

    name: str
    metadata: Mapping[str, Any]
    variables: Mapping[str, Mapping[str, Any]]
    components: Mapping[str, Mapping[str, Any]]
    triggers: Sequence[Trigger]
    code: Mapping[str, Code]
    files: Mapping[str, Mapping[str, str]]

    @classmethod
    def from_file(cls, path: Path, retained: Sequence[str] = ()) -> Application:
        """Read what the runtime wrote; only the components named in *retained* are kept when there are any.

        Raises :class:`Refusal`.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("refusal"):
            raise Refusal(content["refusal"])
        locked = content["locked"]
        _require_understood(locked)
        components = {each["id"]: each for each in locked.get("components", ())}
        for name in retained:
            if name not in components:
                raise Refusal(
                    f"SPIN_COMPONENTS_TO_RETAIN names {name}, which the app does not have: {_names(components)}"
                )
        triggers = [_trigger(each, components) for each in locked.get("triggers", ())]
        if retained:
            components = {name: components[name] for name in components if name in retained}
            triggers = [each for each in triggers if each.component in components]
        code = {name: Code(**{**each, "path": Path(each.get("path", ""))}) for name, each in content["code"].items()}
        metadata = locked.get("metadata") or {}
        return cls(
            str(metadata.get("name", "")),
            metadata,
            locked.get("variables") or {},
            components,
            triggers,
            code,
            content.get("files") or {},
        )


def _names(components: Mapping[str, Any]) -> str:
    return f"its components are {', '.join(components)}"


def _require_understood(locked: Mapping[str, Any]) -> None:
    unknown = set(locked.get("must_understand") or ()) - _UNDERSTOOD
    unknown |= set(locked.get("host_requirements") or {}) - _REQUIREMENTS
    if unknown:
        raise Refusal(f"the app requires {', '.join(sorted(unknown))} of its host, which this one does not know")


def _trigger(entry: Mapping[str, Any], components: Mapping[str, Any]) -> Trigger:
    kind, config = entry.get("trigger_type"), entry.get("trigger_config") or {}
    if kind != "http":
        raise Refusal(f"trigger {entry.get('id')} has type {kind!r}: this host serves http triggers only")
    component = str(config.get("component", ""))
    if component not in components:
        raise Refusal(f"trigger {entry.get('id')} names component {component!r}: {_names(components)}")
    route = config.get("route")
    executor = config.get("executor") or {"type": "http"}
    # A private route is only reached by other components of the app.
    return Trigger(component, route if isinstance(route, str) else "", executor)
