# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strict decoding of a machine configuration, with the words of a node.

Source: siderolabs/talos:pkg/machinery/config/configloader/internal/decoder/decoder.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import schema, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import (
    Document,
    DocumentError,
    MachineConfig,
    document_id,
    parse_with_lines,
)
from ansible_collections.homelab.talos.plugins.module_utils.talos.yaml_text import YamlError

SOURCE = "yaml"
_UNKNOWN_KEYS = ("unknown-key", "key-too-new")
_UNKNOWN_KINDS = ("unknown-kind", "kind-too-new")


class ConfigurationError(Exception):
    """The bytes are no machine configuration; the text is what a node answers."""


def read(data: bytes, talos_version: str) -> MachineConfig:
    """Return the configuration in *data*; raises :class:`ConfigurationError` with Talos' words."""
    try:
        pairs = parse_with_lines(data.decode(), SOURCE)
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"decode error: {error}") from error
    except DocumentError as error:
        raise ConfigurationError(f"decode error: {_yaml_problem(error)}") from error
    if not pairs:
        raise ConfigurationError("config not found")
    line = versions.talos_line(talos_version).minor
    seen = set()
    for document, lines in pairs:
        start = min(lines.values(), default=1)
        _check_identity(document)
        if document_id(document) in seen:
            raise ConfigurationError(_duplicate(document, start))
        seen.add(document_id(document))
        _check_keys(document, start, list(schema.check(document, line)))
    return MachineConfig(document for document, _line in pairs)


def _yaml_problem(error: DocumentError) -> str:
    cause = error.__cause__
    if isinstance(cause, YamlError):
        return f"yaml: line {cause.line}: {cause.cause}"
    return str(error)


def _check_identity(document: Document) -> None:
    if "kind" in document and not document.get("apiVersion"):
        raise ConfigurationError("missing apiVersion")
    if "apiVersion" in document and not document.get("kind"):
        raise ConfigurationError("missing kind")


def _name(document: Document) -> str:
    if "kind" not in document:
        return "/v1alpha1/"
    return "/".join(document_id(document))


def _duplicate(document: Document, start: int) -> str:
    if "kind" not in document:
        return "duplicate v1alpha1.Config"
    return f"duplicate document {_name(document)} is not allowed (line {start})"


def _check_keys(document: Document, start: int, faults: Sequence[schema.Fault]) -> None:
    if any(fault.reason in _UNKNOWN_KINDS for fault in faults):
        raise ConfigurationError(f'"{document["kind"]}" "{document["apiVersion"]}": not registered')
    unknown = [fault.path for fault in faults if fault.reason in _UNKNOWN_KEYS]
    if unknown:
        part = yaml.safe_dump(_part(document, unknown), indent=4, sort_keys=False, default_flow_style=False)
        raise ConfigurationError(
            f"error decoding document {_name(document)} (line {start}): unknown keys found during decoding:\n{part}"
        )
    for fault in faults:
        if fault.reason == "type":
            value = _at(document, fault.path)
            raise ConfigurationError(
                f"error decoding document {_name(document)} (line {start}): yaml: construct errors:\n"
                f"  cannot unmarshal {_tag(value)} into {fault.expected} (.{'.'.join(fault.path)})"
            )


def _at(value: Any, path: Sequence[str]) -> Any:
    for word in path:
        value = value[int(word)] if isinstance(value, list) else value[word]
    return value


def _tag(value: Any) -> str:
    if isinstance(value, dict):
        return "!!map"
    if isinstance(value, list):
        return "!!seq"
    tags = {bool: "!!bool", int: "!!int", float: "!!float"}
    return f"{tags.get(type(value), '!!str')} `{value}`"


def _part(document: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Return the part of *document* that lies at *paths*."""
    if any(not path for path in paths):
        return document
    heads = list(dict.fromkeys(path[0] for path in paths))
    below = {head: [path[1:] for path in paths if path[0] == head] for head in heads}
    if isinstance(document, list):
        return [_part(document[int(head)], below[head]) for head in heads]
    return {head: _part(document[head], below[head]) for head in heads}
