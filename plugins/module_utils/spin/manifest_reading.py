# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From ``spin.toml`` to a checked manifest; everything that Spin would refuse later is refused here.

Source: spinframework/spin:crates/manifest/src/schema/v2.rs, crates/manifest/src/normalize.rs
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.spin.component_reading import read_component
from ansible_collections.homelab.talos.plugins.module_utils.spin.errors import ManifestInvalid
from ansible_collections.homelab.talos.plugins.module_utils.spin.identifiers import VARIABLE_FORM, is_variable
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import (
    Application,
    Component,
    Manifest,
    Trigger,
    Variable,
    manifest_path,
    read_toml,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.template_check import check_templates
from ansible_collections.homelab.talos.plugins.module_utils.spin.toml_table import TomlTable
from ansible_collections.homelab.talos.plugins.module_utils.spin.trigger_reading import check_routes, read_triggers

VERSION = 2
_VERSION_KEYS = ("spin_manifest_version", "spin_version")


def load_manifest(place: Path) -> Manifest:
    """Read and check the manifest of a directory, or the one that a path names.

    :raises ManifestInvalid: it is missing or wrong.
    """
    path = manifest_path(place)
    return parse_manifest(read_toml(path), str(path))


def parse_manifest(content: Mapping[str, Any], file: str) -> Manifest:
    """Check the content of a manifest.

    :param file: name for errors.
    :raises ManifestInvalid: it is wrong.
    """
    _check_version(content, file)
    top = TomlTable(content, file)
    top.number("spin_manifest_version")
    application = _application(top)
    variables = {name: _variable(table, name) for name, table in top.tables("variables").items()}
    components = {name: read_component(table, name) for name, table in top.tables("component").items()}
    triggers = read_triggers(top, components)
    top.end()
    manifest = Manifest(file, application, variables, tuple(triggers), components)
    _check_references(manifest)
    check_routes(manifest)
    check_templates(manifest)
    return manifest


def _check_version(content: Mapping[str, Any], file: str) -> None:
    found = next((content[key] for key in _VERSION_KEYS if key in content), None)
    where = f"{file}: spin_manifest_version"
    if found is None:
        raise ManifestInvalid(where, "is missing", f"write spin_manifest_version = {VERSION}")
    if "spin_manifest_version" not in content or found in (1, "1"):
        raise ManifestInvalid(
            where, "is 1, the manifest of Spin before 2.0", f"rewrite it as version {VERSION} (spin doctor does it)"
        )
    if found != VERSION or isinstance(found, bool) or not isinstance(found, int):
        raise ManifestInvalid(where, f"is {found!r}, which is not known here", f"known is {VERSION}")


def _application(top: TomlTable) -> Application:
    table = top.table("application")
    if table is None:
        raise top.refused("application", "is missing", 'write [application] with name = "..."')
    application = Application(
        name=table.text("name", required=True),
        version=table.text("version"),
        description=table.text("description"),
        authors=table.texts("authors"),
        trigger_settings={kind: dict(inner.content) for kind, inner in table.tables("trigger").items()},
    )
    # Environments that the tools of Spin check against, and settings of further tools.
    table.any("targets")
    table.table("tool")
    table.end()
    return application


def _variable(table: TomlTable, name: str) -> Variable:
    if not is_variable(name):
        raise table.refused("", "is no name of a variable", VARIABLE_FORM)
    variable = Variable(table.optional_text("description"), table.optional_text("default"), table.truth("secret"))
    required = table.truth("required")
    table.end()
    if required == (variable.default is not None):
        cause = "is required and has a default" if required else "is neither required nor has a default"
        raise table.refused("", cause, 'write required = true or default = "..."')
    return variable


def _check_references(manifest: Manifest) -> None:
    for trigger in manifest.triggers:
        if trigger.component and trigger.component not in manifest.components:
            raise _unknown_component(manifest, trigger, manifest.components)


def _unknown_component(manifest: Manifest, trigger: Trigger, known: Mapping[str, Component]) -> ManifestInvalid:
    where = f"{manifest.file}: trigger.{trigger.type} {trigger.id}"
    remedy = f"known are {', '.join(sorted(known))}" if known else "add it as [component.<id>]"
    return ManifestInvalid(where, f"calls the component {trigger.component!r}, which does not exist", remedy)
