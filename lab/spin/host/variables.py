# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of an app's variables: from the runtime configuration, the environment, or the manifest's default."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.homelab.talos.lab.spin.host.refusal import Refusal

PREFIX = "SPIN_VARIABLE"
_TEMPLATE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def application_variables(
    declared: Mapping[str, Mapping[str, Any]],
    environment: Mapping[str, str],
    providers: Sequence[Mapping[str, Any]] = (),
) -> dict[str, str]:
    """Return the value of each variable that an app declares.

    The first that knows a variable wins: *providers* of the runtime configuration, ``SPIN_VARIABLE_<NAME>``,
    ``<NAME>``, the default. Raises :class:`Refusal` for one without a value. Source:
    spinframework/containerd-shim-spin:containerd-shim-spin/src/engine.rs, spinframework/spin:crates/variables.
    """
    values = {}
    for name, declaration in declared.items():
        found = _provided(name, environment, providers)
        if found is None:
            found = declaration.get("default")
        if found is None:
            raise Refusal(
                f"variable {name} has no value: set {PREFIX}_{name.upper()} in the environment of the container,"
                " or give it a default in spin.toml"
            )
        values[name] = str(found)
    return values


def _provided(name: str, environment: Mapping[str, str], providers: Sequence[Mapping[str, Any]]) -> str | None:
    for provider in providers:
        kind = provider.get("type", "env")
        if kind == "static":
            value = (provider.get("values") or {}).get(name)
        elif kind == "env":
            prefix = str(provider.get("prefix") or PREFIX).rstrip("_")
            value = environment.get(f"{prefix}_{name.upper()}")
        else:
            raise Refusal(f"variables provider {kind!r} of the runtime configuration is not known: use env or static")
        if value is not None:
            return str(value)
    return environment.get(f"{PREFIX}_{name.upper()}", environment.get(name.upper()))


def component_variables(component: str, templates: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return what one component sees: its own names, with ``{{ variable }}`` replaced; raises :class:`Refusal`."""
    return {name: filled(component, text, variables) for name, text in templates.items()}


def filled(component: str, text: str, variables: Mapping[str, str]) -> str:
    """Return *text* with its variables; raises :class:`Refusal` for one that the app does not declare."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in variables:
            raise Refusal(f"component {component} uses variable {name}, which the app does not declare: add it")
        return variables[name]

    return _TEMPLATE.sub(value, text)
