# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule about a machine configuration is given, and how it reports."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, Severity
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.versions import MinorVersion

LAYER = "config"
MODES = ("metal", "cloud", "container")
Path = Sequence[str]
Lines = Mapping[tuple[str, ...], int]


@dataclass(frozen=True)
class Subject:
    """A machine configuration under judgement.

    :param line: the Talos line that is to read it.
    :param talos_version: the full version.
    :param mode: ``metal``, ``cloud`` or ``container``, as in ``talosctl validate --mode``.
    :param host: inventory name of the node.
    :param lines: line numbers of each document's keys, when the text is known.
    """

    config: MachineConfig
    line: MinorVersion
    talos_version: str
    mode: str = "metal"
    host: str = ""
    lines: Sequence[Lines] = field(default_factory=tuple)

    @property
    def machine(self) -> dict[str, Any]:
        """The ``machine`` section, empty when there is none."""
        return mapping(self.config.v1alpha1.get("machine"))

    @property
    def cluster(self) -> dict[str, Any]:
        """The ``cluster`` section, empty when there is none."""
        return mapping(self.config.v1alpha1.get("cluster"))

    def finding(
        self,
        rule: str,
        message: str,
        path: Path = (),
        fix: str = "",
        severity: Severity = "error",
        document: documents.Document | None = None,
    ) -> Finding:
        """Return a finding ``config.<rule>`` about a path in a document (by default the v1alpha1 document)."""
        line = self._line(document, path)
        return Finding(
            f"config.{rule}",
            severity,
            f"{message} (line {line})" if line else message,
            host=self.host,
            path=_dotted(path, document),
            fix=fix,
            layer=LAYER,
        )

    def _line(self, document: documents.Document | None, path: Path) -> int:
        for known, lines in zip(self.config.documents, self.lines, strict=False):
            if known is document or (document is None and "kind" not in known):
                words = tuple(path)
                while words and words not in lines:
                    words = words[:-1]
                return lines.get(words, 0)
        return 0


def _dotted(path: Path, document: documents.Document | None) -> str:
    text = "".join(f"[{word}]" if word.isdigit() else f".{word}" for word in path).lstrip(".")
    if document is None or "kind" not in document:
        return text
    label = documents.document_label(document)
    return f"{label}: {text}" if text else label


def mapping(value: Any) -> dict[str, Any]:
    """Return the value when it is a mapping, else an empty one: wrong types are reported elsewhere."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return the value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def is_address(value: Any) -> bool:
    """Return whether the value is an IP address."""
    try:
        ipaddress.ip_address(str(value))
    except ValueError:
        return False
    return True


def is_prefix(value: Any) -> bool:
    """Return whether the value is an address or network with a prefix length; host bits may be set."""
    try:
        ipaddress.ip_interface(str(value))
    except ValueError:
        return False
    return "/" in str(value)
