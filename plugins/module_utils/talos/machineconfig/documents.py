# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine configuration as a list of documents.

A machine configuration is a YAML stream: at most one document without ``kind`` (the *v1alpha1* document) and any number
of documents with ``apiVersion``, ``kind`` and mostly ``name``.
Source: siderolabs/talos:pkg/machinery/config/configloader/internal/decoder/decoder.go.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.talos import yaml_text

Document = dict[str, Any]
DocumentId = tuple[str, str, str]
V1ALPHA1: DocumentId = ("", "", "")


class DocumentError(Exception):
    """Text that is no machine configuration; one line with file, line, cause and remedy."""


def parse(text: str, source: str = "machine configuration") -> list[Document]:
    """Return the documents of a machine configuration or of a patch.

    :param text: a YAML stream.
    :param source: file name or other origin, for the error.
    :raises DocumentError: the YAML is broken, or a document is not a mapping.
    """
    return [document for document, lines in parse_with_lines(text, source)]


def parse_with_lines(
    text: str, source: str = "machine configuration"
) -> list[tuple[Document, dict[tuple[str, ...], int]]]:
    """Return ``(document, lines)`` pairs; ``lines`` maps the path of each key to its line in ``text``, from 1.

    :raises DocumentError: the YAML is broken, or a document is not a mapping.
    """
    try:
        pairs = yaml_text.load_all_with_lines(text, source)
    except yaml_text.YamlError as error:
        raise DocumentError(str(error)) from error
    for document, lines in pairs:
        if not isinstance(document, dict):
            line = lines.get((), 1)
            raise DocumentError(
                f"{source}:{line}: document is a {_yaml_name(document)}; a machine configuration document is a mapping"
            )
    return pairs


def dump(documents: Iterable[Document]) -> str:
    """Return the documents as text; equal documents with equal key order give equal bytes."""
    return yaml_text.dump_all(list(documents))


def document_id(document: Document) -> DocumentId:
    """Return ``(apiVersion, kind, name)``, all empty for the v1alpha1 document."""
    if "kind" not in document:
        return V1ALPHA1
    return str(document.get("apiVersion", "")), str(document.get("kind", "")), str(document.get("name", "") or "")


def document_label(document: Document) -> str:
    """Return how Talos names a document in messages: ``v1alpha1.Config`` or ``Kind/name``."""
    kind, name = document_id(document)[1:]
    if not kind:
        return "v1alpha1.Config"
    return f"{kind}/{name}" if name else kind


class MachineConfig:
    """A machine configuration: documents in their order.

    The documents are not copied on the way in; use :meth:`copy` before changing one.
    """

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents: list[Document] = list(documents)

    @classmethod
    def from_text(cls, text: str, source: str = "machine configuration") -> MachineConfig:
        """Read a YAML stream.

        :raises DocumentError: the YAML is broken, or a document is not a mapping.
        """
        return cls(parse(text, source))

    def to_text(self) -> str:
        """Return the configuration as a YAML stream, byte-stable."""
        return dump(self.documents)

    def copy(self) -> MachineConfig:
        """Return a deep copy."""
        return MachineConfig(copy.deepcopy(self.documents))

    @property
    def v1alpha1(self) -> Document:
        """The document without ``kind``; an empty mapping when there is none."""
        return self.document("") or {}

    def document(self, kind: str, name: str | None = None) -> Document | None:
        """Return the first document of that kind (and name, when given), or None."""
        for document in self.documents:
            if document_id(document)[1] == kind and (name is None or document_id(document)[2] == name):
                return document
        return None

    def documents_of(self, kind: str) -> list[Document]:
        """Return all documents of that kind, in their order."""
        return [document for document in self.documents if document_id(document)[1] == kind]

    def value(self, *path: str, default: Any = None) -> Any:
        """Return a value of the v1alpha1 document, such as ``value("machine", "install", "disk")``."""
        here: Any = self.v1alpha1
        for key in path:
            if not isinstance(here, dict) or here.get(key) is None:
                return default
            here = here[key]
        return here

    @property
    def machine_type(self) -> str:
        """``controlplane``, ``worker`` or ``init``; Talos takes ``join`` and an empty type for a worker."""
        declared = self.value("machine", "type", default="")
        return "worker" if declared in ("", "join") else str(declared)

    @property
    def is_controlplane(self) -> bool:
        """Whether the machine runs etcd and the control plane."""
        return self.machine_type in ("controlplane", "init")

    @property
    def hostname(self) -> str:
        """The static host name, empty when Talos chooses one."""
        document = self.document("HostnameConfig") or {}
        return str(document.get("hostname") or self.value("machine", "network", "hostname", default=""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MachineConfig) and self.documents == other.documents

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"MachineConfig({', '.join(document_label(document) for document in self.documents)})"


def _yaml_name(value: Any) -> str:
    return {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "value")
