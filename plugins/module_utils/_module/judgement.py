# Copyright (c) 2026 homelab.talos contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules judge a machine configuration.

Private to this collection: it may change at any time.
"""

from __future__ import annotations

from ansible_collections.homelab.talos.plugins.module_utils._module.wanted_config import WantedConfig
from ansible_collections.homelab.talos.plugins.module_utils.findings.model import Finding, sort_findings
from ansible_collections.homelab.talos.plugins.module_utils.rules import cluster


def judge(wanted: WantedConfig, name: str) -> list[Finding]:
    """Return what the rules say about a configuration and, when it was rendered, about its cluster and node.

    :param name: the node in findings.
    """
    findings: list[Finding] = []
    if wanted.definition is not None:
        findings.extend(cluster.check(wanted.definition.cluster, wanted.definition.nodes))
    return sort_findings(findings)
