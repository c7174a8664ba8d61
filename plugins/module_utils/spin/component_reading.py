# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a component of a manifest.

Source: spinframework/spin:crates/manifest/src/schema/v2.rs, common.rs
"""

from __future__ import annotations

import re

from ansible_collections.homelab.talos.plugins.module_utils.spin.identifiers import (
    VARIABLE_FORM,
    is_kebab,
    is_label,
    is_variable,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.manifest import (
    Build,
    Component,
    FileMount,
    LocalSource,
    PackageSource,
    RemoteSource,
    Source,
)
from ansible_collections.homelab.talos.plugins.module_utils.spin.toml_table import TomlTable

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def read_component(table: TomlTable, identity: str) -> Component:
    """Return a component.

    :raises ManifestInvalid: it is wrong.
    """
    if not is_kebab(identity):
        raise table.refused(
            "", "is no id of a component", "use words of one case joined by -, each with a letter first"
        )
    component = Component(
        id=identity,
        source=_source(table),
        description=table.text("description"),
        variables=_variables(table),
        environment=table.text_map("environment"),
        files=_files(table),
        exclude_files=table.texts("exclude_files"),
        allowed_outbound_hosts=table.texts("allowed_outbound_hosts"),
        key_value_stores=_labels(table, "key_value_stores"),
        sqlite_databases=_labels(table, "sqlite_databases"),
        ai_models=table.texts("ai_models"),
        build=_build(table),
        has_dependencies=bool(table.table("dependencies")),
    )
    if table.has("allowed_http_hosts"):
        raise table.refused(
            "allowed_http_hosts",
            "was replaced in manifests of version 2",
            'write allowed_outbound_hosts = ["https://..."] instead',
        )
    # What the tools of Spin read while one develops; a profile is chosen there, not here.
    table.any("targets")
    table.table("tool")
    table.table("profile")
    table.truth("dependencies_inherit_configuration")
    table.end()
    return component


def _source(table: TomlTable) -> Source:
    remedy = 'write source = "<path of the .wasm file>"'
    if not isinstance(table.any("source"), dict):
        return LocalSource(table.text("source", required=True, remedy=remedy))
    inner = table.table("source")
    if inner is None or not (inner.has("url") or inner.has("package")):
        raise table.refused("source", "has neither url nor package", remedy)
    if inner.has("url"):
        remote = RemoteSource(inner.text("url", required=True), inner.text("digest", required=True))
        if not remote.url.startswith(("http://", "https://")):
            raise inner.refused("url", f"is {remote.url!r}", "write an address that begins with https://")
        if not _DIGEST.fullmatch(remote.digest):
            raise inner.refused("digest", f"is {remote.digest!r}", "write sha256: and 64 hexadecimal digits")
        inner.end()
        return remote
    package = PackageSource(
        inner.text("package", required=True), inner.text("version", required=True), inner.text("registry")
    )
    inner.end()
    return package


def _variables(table: TomlTable) -> dict[str, str]:
    variables = table.text_map("variables")
    for name in variables:
        if not is_variable(name):
            raise table.refused(f"variables.{name}", "is no name of a variable", VARIABLE_FORM)
    return variables


def _labels(table: TomlTable, name: str) -> tuple[str, ...]:
    labels = table.texts(name)
    for label in labels:
        if not is_label(label):
            raise table.refused(name, f"holds {label!r}, which is no label", "use kebab-case or snake_case")
    return labels


def _files(table: TomlTable) -> tuple[FileMount, ...]:
    values = table.any("files")
    if values is not None and not isinstance(values, list):
        raise table.refused("files", "is no list", 'write files = ["static/*"]')
    mounts = []
    for number, value in enumerate(values or ()):
        if isinstance(value, str):
            mounts.append(FileMount(value))
        elif isinstance(value, dict):
            inner = TomlTable(value, table.file, f"{table.key('files')}[{number}]")
            mounts.append(FileMount(inner.text("source", required=True), inner.text("destination", required=True)))
            inner.end()
        else:
            raise table.refused(
                f"files[{number}]", "is neither a pattern nor a table", "write source and destination, or a pattern"
            )
    return tuple(mounts)


def _build(table: TomlTable) -> Build | None:
    inner = table.table("build")
    if inner is None:
        return None
    remedy = 'write command = "..."'
    if isinstance(inner.any("command"), list):
        commands = inner.texts("command")
    else:
        commands = (inner.text("command", required=True, remedy=remedy),)
    if not commands or not all(command.strip() for command in commands):
        raise inner.refused("command", "is empty", remedy)
    workdir = inner.text("workdir")
    # Only for `spin watch`.
    inner.texts("watch")
    inner.end()
    return Build(commands, workdir)
