# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging of one machine configuration, before a node sees it.

The checks and their sentences are those of Talos, so that a configuration accepted here is accepted by the node.
Sources: siderolabs/talos:pkg/machinery/config/types/v1alpha1/v1alpha1_validation.go, pkg/machinery/config/container/,
pkg/machinery/config/configloader/internal/decoder/decoder.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding
from ansible_collections.homelab.talos.plugins.module_utils.rules import (
    document_cluster,
    document_conflicts,
    document_kinds,
    document_machine,
    document_network,
    document_structure,
)
from ansible_collections.homelab.talos.plugins.module_utils.rules.document_subject import LAYER, MODES, Lines, Subject
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig import documents, versions
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.documents import MachineConfig

Rule = Callable[[Subject], Iterable[Finding]]

_RULES: tuple[Rule, ...] = (
    document_structure.check,
    document_machine.check,
    document_network.check,
    document_cluster.check,
    document_kinds.check,
    document_conflicts.check,
)


# What a node accepts (and then fails at, or is not meant), but is refused or mentioned here.
OWN_RULES = frozenset(
    {
        "config.authority",
        "config.extension-environment",
        "config.extension-name",
        "config.file",
        "config.machine-token",
        "config.subnet",
        "config.vip-document",
        "config.worker-excess",
    }
)


def check(
    config: MachineConfig,
    talos_version: str,
    mode: str = "metal",
    host: str = "",
    lines: tuple[Lines, ...] = (),
    own_rules: bool = True,
) -> list[Finding]:
    """Judge a machine configuration.

    :param talos_version: version of Talos that is to read it, such as ``v1.13.9``.
    :param mode: ``metal``, ``cloud`` or ``container``.
    :param host: inventory name for the findings.
    :param lines: line numbers per document, as ``documents.parse_with_lines`` returns them.
    :param own_rules: also judge by :data:`OWN_RULES`, which Talos itself does not have at this point.
    :return: findings whose ids start with ``config.``; an unknown Talos version is a finding too.
    :raises ValueError: the mode is unknown.
    """
    if mode not in MODES:
        raise ValueError(f'unknown runtime mode: "{mode}"; use one of {", ".join(MODES)}')
    try:
        line = versions.talos_line(talos_version).minor
    except versions.UnknownVersion as error:
        fix = f"use a version of {versions.known_lines()}"
        return [Finding("config.talos-version", "error", str(error), host=host, fix=fix, layer=LAYER)]
    subject = Subject(config, line, talos_version, mode, host, lines)
    findings = [finding for rule in _RULES for finding in rule(subject)]
    return [finding for finding in findings if own_rules or finding.id not in OWN_RULES]


def check_text(
    text: str, talos_version: str, source: str = "machine configuration", mode: str = "metal", host: str = ""
) -> list[Finding]:
    """Judge the text of a machine configuration; findings name lines, broken YAML is a finding.

    :param source: file name or other origin, for the findings.
    """
    try:
        pairs = documents.parse_with_lines(text, source)
    except documents.DocumentError as error:
        return [Finding("config.yaml", "error", str(error), host=host, fix="correct the text", layer=LAYER)]
    config = MachineConfig(document for document, _lines in pairs)
    return check(config, talos_version, mode, host, tuple(lines for _document, lines in pairs))
