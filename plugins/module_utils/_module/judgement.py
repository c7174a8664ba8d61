# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules judge a machine configuration.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.homelab.talos.plugins.module_utils._module.wanted_config import WantedConfig
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, sort_findings
from ansible_collections.homelab.talos.plugins.module_utils.rules import cluster, document, node, tailnet
from ansible_collections.homelab.talos.plugins.module_utils.talos.machineconfig.definition import DEFAULT_TALOS_VERSION


def judge(
    wanted: WantedConfig, name: str, talos_version: str | None, allow_unconfigured: Collection[str] = ()
) -> list[Finding]:
    """Return what the rules say about a configuration and, when it was rendered, about its cluster and node.

    :param name: the node in findings.
    :param talos_version: that is to read the configuration; None for that of the definition.
    :param allow_unconfigured: extensions that may lack their configuration.
    """
    definition = wanted.definition
    if definition is None:
        version = talos_version or DEFAULT_TALOS_VERSION
        return sort_findings(document.check_text(wanted.text, version, wanted.source, host=name))
    version = talos_version or definition.cluster.talos_version
    declared = definition.node(name)
    return sort_findings(
        [
            *cluster.check(definition.cluster, definition.nodes),
            *node.check(definition.cluster, declared, wanted.config, allow_unconfigured),
            *tailnet.check(definition.cluster, declared, wanted.config),
            *document.check(wanted.config, version, host=name),
        ]
    )
